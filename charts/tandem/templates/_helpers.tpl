{{- define "tandem.name" -}}
{{- $name := ternary .Release.Name (printf "%s-tandem" .Release.Name) (contains "tandem" .Release.Name) -}}
{{- printf "%s-operator" ($name | trunc 50 | trimSuffix "-") -}}
{{- end -}}

{{- define "tandem.serviceAccount" -}}
{{- default (include "tandem.name" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "tandem.selector" -}}
app.kubernetes.io/name: tandem-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tandem.labels" -}}
{{ include "tandem.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: tandem
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* The image of one part: (list $ "operator"). */ -}}
{{- define "tandem.image" -}}
{{- $root := index . 0 -}}
{{- $part := get $root.Values.image (index . 1) -}}
{{- $version := printf ":%s" (coalesce $part.tag $root.Values.image.tag $root.Chart.AppVersion) -}}
{{- if $part.digest }}{{- $version = printf "@%s" $part.digest -}}{{- end -}}
{{- if $root.Values.image.registry }}{{- printf "%s/" (trimSuffix "/" $root.Values.image.registry) -}}{{- end -}}
{{- printf "%s%s" $part.repository $version -}}
{{- end -}}
