// Whether this server has what a request names: the model, a version, a signature. The words are those of
// tandem_serving/predict.py and publish.py.
//
// Memory:  returns new strings.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "door/model.h"
#include "door/predict_request.h"
#include "door/refusal.h"

namespace tandem::serving::door {

// Another model's name.
Refusal CheckName(std::string_view served, std::string_view name);

// Another model's name, or a label.
Refusal CheckSelector(std::string_view served, const ModelSelector& selector);

// Any signature but the one that there is.
Refusal CheckSignature(std::string_view signature);

// Why Model::Get found nothing; `here` is what there is, the newest first.
Refusal NotHere(std::optional<int64_t> number, const std::vector<VersionName>& here);

}  // namespace tandem::serving::door
