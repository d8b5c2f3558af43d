#include "dense/layout.h"

namespace tandem::serving {
namespace {

struct Home {
  size_t concat = kNone;  // the value in whose rows this one lies
  size_t column = 0;
};

}  // namespace

Layout MakeLayout(const Program& program) {
  const size_t features = program.features.size();
  std::vector<Home> homes(program.values());
  Layout layout;
  layout.places.resize(program.values());
  layout.copies.resize(program.chain.size());
  const auto is_slice = [&](size_t value) {
    return value >= features && program.chain[value - features].kind == StepKind::kSlice;
  };
  for (size_t i = 0; i < program.chain.size(); ++i) {
    const Step& step = program.chain[i];
    if (step.kind != StepKind::kConcat) continue;
    size_t column = 0;
    for (size_t value : step.in) {
      if (homes[value].concat == kNone && !is_slice(value)) {
        homes[value] = {features + i, column};
      } else {
        layout.copies[i].push_back({value, column});
      }
      column += program.width(value);
    }
  }
  // A home is always a later value: from the last to the first, it is placed before what lies in it.
  for (size_t value = program.values(); value-- > 0;) {
    if (is_slice(value)) continue;
    if (const Home& home = homes[value]; home.concat != kNone) {
      layout.places[value] = layout.places[home.concat];
      layout.places[value].offset += home.column;
    } else {
      layout.places[value] = {layout.buffers.size(), 0, program.width(value)};
      layout.buffers.push_back(program.width(value));
    }
  }
  for (size_t i = 0; i < program.chain.size(); ++i) {
    if (program.chain[i].kind != StepKind::kSlice) continue;
    layout.places[features + i] = layout.places[program.chain[i].in[0]];
    layout.places[features + i].offset += program.chain[i].begin;
  }
  return layout;
}

}  // namespace tandem::serving
