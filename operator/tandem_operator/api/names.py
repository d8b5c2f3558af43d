"""Every name that operator, children and users agree on: group, labels, annotations, conditions and reasons."""

from enum import StrEnum
from typing import Final

GROUP: Final = "tandem.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "OnlineModel"
PLURAL: Final = "onlinemodels"
SINGULAR: Final = "onlinemodel"
SHORT_NAMES: Final = ("om",)
CATEGORIES: Final = ("tandem",)
"""Not `all`: `kubectl delete all --all` shall not take a model with it."""
FIELD_MANAGER: Final = "tandem-operator"
FINALIZER: Final = f"{GROUP}/store"
NAME_LIMIT: Final = 40

LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "tandem"
LABEL_MODEL: Final = f"{GROUP}/model"
LABEL_ROLE: Final = f"{GROUP}/role"
LABEL_NUMBER: Final = f"{GROUP}/number"

ANNOTATION_ADOPT: Final = f"{GROUP}/adopt"
"""On an OnlineModel: the owner (`cluster/resource`) that it may take the store over from."""

ANNOTATION_FORGIVE: Final = f"{GROUP}/forgive"
"""On an OnlineModel: numbers of refused bases, separated by commas, whose refusal a person lifts."""


class Role(StrEnum):
    """What a child works at: the value of the label `tandem.dev/role`."""

    A = "a"
    B = "b"
    SERVING = "serving"


class ConditionType(StrEnum):
    """The conditions of an OnlineModel; machines read these, never `status.phase`."""

    AVAILABLE = "Available"
    PROGRESSING = "Progressing"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    UPDATES_FRESH = "UpdatesFresh"
    SPEC_PENDING = "SpecPending"
    SPEC_SUPPORTED = "SpecSupported"
    STORE_READY = "StoreReady"
    STREAMS_HEALTHY = "StreamsHealthy"
    PROMOTED = "LastPromotion"
    CUDA_GRAPH = "CudaGraphActive"


class Reason(StrEnum):
    """Why a condition is what it is: one CamelCase word; its message says what a person can do.

    Some of the user's errors come from trainers, pods and the store, which name them by themselves.
    """

    # Available
    PODS_ANSWERING = "PodsAnswering"
    NO_BASE_YET = "NoBaseYet"
    NO_POD_READY = "NoPodReady"
    # Progressing and Reconciling
    BOOTSTRAPPING = "Bootstrapping"
    STREAMING = "Streaming"
    VERIFYING = "Verifying"
    ROLLING_OUT = "RollingOut"
    REFUSED = "Refused"
    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    SUSPENDED = "Suspended"
    SETTLED = "Settled"
    CHILDREN_CHANGING = "ChildrenChanging"
    # Stalled: the user's errors
    INVALID_SPEC = "InvalidSpec"
    FOREIGN_OWNER = "ForeignOwner"
    TARGET_MISSING = "TargetMissing"
    TARGET_UNREADABLE = "TargetUnreadable"
    CLUSTER_REFUSED = "ClusterRefused"
    MISSING_SECRET = "MissingSecret"  # noqa: S105 - a reason, not a secret
    NO_SUCH_BUCKET = "NoSuchBucket"
    STORE_DENIED = "StoreDenied"
    UNKNOWN_ENTRYPOINT = "UnknownEntrypoint"
    OFFSETS_EXPIRED = "OffsetsExpired"
    IMAGE_UNAVAILABLE = "ImageUnavailable"
    UNSCHEDULABLE = "Unschedulable"
    NO_SUCH_BASE = "NoSuchBase"
    # Stalled: the world's errors
    STORE_UNAVAILABLE = "StoreUnavailable"
    # UpdatesFresh
    WITHIN_TARGET = "WithinTarget"
    BEHIND_TARGET = "BehindTarget"
    NO_UPDATE_YET = "NoUpdateYet"
    # SpecPending
    NEXT_RUN = "NextRun"
    NOTHING_PENDING = "NothingPending"
    # SpecSupported
    SUPPORTED = "Supported"
    NOT_SUPPORTED_YET = "NotSupportedYet"
    # StoreReady
    STORE_REACHED = "StoreReached"
    # StreamsHealthy
    RECORDS_FLOWING = "RecordsFlowing"
    RECORDS_QUARANTINED = "RecordsQuarantined"
    # CudaGraphActive
    CAPTURED = "Captured"
    NOT_CAPTURED = "NotCaptured"
    # Everything
    UNKNOWN = "Unknown"
