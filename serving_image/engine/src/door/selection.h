// Whether this server has what a request names: the model, a version, a signature.
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

// Puts the version that goes by it in the place of a label; a label that no version goes by is refused with those that
// there are. Another model's label is left as it is.
Refusal TakeLabel(std::string_view served, const Model& model, ModelSelector* selector);

// Any signature but the one that there is.
Refusal CheckSignature(std::string_view signature);

// Why Model::Get found nothing; `here` is what there is, the newest first.
Refusal NotHere(std::optional<int64_t> number, const std::vector<VersionName>& here);

}  // namespace tandem::serving::door
