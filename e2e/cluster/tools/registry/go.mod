module tandem.dev/e2e/cluster/tools/registry

go 1.24

require github.com/distribution/distribution/v3 v3.0.0
