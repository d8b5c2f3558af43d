// What clients ask about the model instead of asking it, as TensorFlow Serving's messages: bytes in, bytes out.
//
// Memory:  returns new strings.
// Threads: pure functions over a Model, which any thread may ask.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "door/model.h"
#include "door/refusal.h"

namespace tandem::serving::door {

inline constexpr char kPredictionService[] = "tensorflow.serving.PredictionService";
inline constexpr char kModelService[] = "tensorflow.serving.ModelService";
inline constexpr char kHealthService[] = "grpc.health.v1.Health";

// PredictionService/GetModelMetadata: the signature of one version, which `version` names.
Refusal GetModelMetadata(std::string_view request, std::string_view served, Model* model, std::string* response,
                         VersionName* version);

// ModelService/GetModelStatus: which versions can be asked for, and which base is being loaded.
Refusal GetModelStatus(std::string_view request, std::string_view served, const Model& model,
                       std::optional<int64_t> loading_base, std::string* response);

// ModelService/HandleReloadConfigRequest: agrees to what is the case already; what is served follows the store.
Refusal HandleReloadConfig(std::string_view request, std::string_view served, std::string* response);

// grpc.health.v1.HealthCheckResponse.ServingStatus.
inline int HealthState(bool ready) { return ready ? 1 : 2; }

// grpc.health.v1.Health/Check: of the whole server (no name) or of one of its services.
Refusal CheckHealth(std::string_view request, bool ready, std::string* response);

}  // namespace tandem::serving::door
