// The bytes of a ClassificationResponse, a RegressionResponse or a MultiInferenceResponse.
//
// Memory:  a new string.
// Threads: pure.
#pragma once

#include <string>
#include <string_view>

#include "door/example_request.h"
#include "door/job.h"

namespace tandem::serving::door {

// answer.outputs has the head of each of the request's tasks (heads.h).
std::string ExampleResponse(std::string_view model, const ExampleRequest& request, const Answer& answer);

}  // namespace tandem::serving::door
