#include "dense/layout.h"

namespace tandem::serving {
namespace {

struct Home {
  size_t concat = kNone;  // the value in whose rows this one lies
  size_t column = 0;
};

bool IsView(const Program& program, size_t value) {
  if (value < program.features.size()) return false;
  const StepKind kind = program.chain[value - program.features.size()].kind;
  return kind == StepKind::kSlice || kind == StepKind::kReshape;
}

Place OwnBuffer(const Program& program, size_t value, Layout* layout) {
  layout->buffers.push_back(program.width(value) * program.rows(value));
  return {layout->buffers.size() - 1, 0, program.width(value)};
}

}  // namespace

Layout MakeLayout(const Program& program) {
  const size_t features = program.features.size();
  std::vector<Home> homes(program.values());
  Layout layout;
  layout.places.resize(program.values());
  layout.copies.resize(program.chain.size());
  for (size_t i = 0; i < program.chain.size(); ++i) {
    const Step& step = program.chain[i];
    if (step.kind != StepKind::kConcat) continue;
    size_t column = 0;
    for (size_t value : step.in) {
      if (homes[value].concat == kNone && !IsView(program, value)) {
        homes[value] = {features + i, column};
      } else {
        layout.copies[i].push_back({value, column});
      }
      column += program.width(value);
    }
  }
  // A home is always a later value: from the last to the first, it is placed before what lies in it.
  for (size_t value = program.values(); value-- > 0;) {
    if (IsView(program, value)) continue;
    if (const Home& home = homes[value]; home.concat != kNone) {
      layout.places[value] = layout.places[home.concat];
      layout.places[value].offset += home.column;
    } else {
      layout.places[value] = OwnBuffer(program, value, &layout);
    }
  }
  // What a view shows is always an earlier value.
  for (size_t i = 0; i < program.chain.size(); ++i) {
    const Step& step = program.chain[i];
    if (!IsView(program, features + i)) continue;
    Place& place = layout.places[features + i];
    place = layout.places[step.in[0]];
    if (step.kind == StepKind::kSlice) {
      place.offset += step.begin;
    } else if (place.stride == program.width(step.in[0])) {
      place.stride = step.width;
    } else {  // rows with others' floats between them
      place = OwnBuffer(program, features + i, &layout);
      layout.copies[i].push_back({step.in[0], 0});
    }
  }
  return layout;
}

}  // namespace tandem::serving
