// What goes on beside lookups: snapshots, growth, sweeps. Each holds itself to a rate.
//
// Memory:  a block of a snapshot, ids and rows of a call.
// Threads: one thread at a time calls Prepare, Turn and Rest.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/cut.h"
#include "core/table.h"

namespace bench {

// The i-th id.
int64_t IdOf(uint64_t place);

// Makes or reads the rows of places first ... first + size - 1.
void Enter(tandem::Table* table, uint64_t first, size_t size, uint32_t event_time);

class OtherWork {
 public:
  // `most_per_second`: of what Turn counts.
  explicit OtherWork(double most_per_second) : most_per_second_(most_per_second) {}
  virtual ~OtherWork() = default;

  virtual void Prepare() {}  // before a phase, unmeasured
  virtual void Rest() {}     // after a phase, unmeasured

  // Works again and again, on the given CPU and no faster than the rate, until told to stop.
  void Run(int cpu, const std::atomic<bool>& stop);

  // How much of its work a second of Run did.
  double per_second() const { return done_ / seconds_; }

 protected:
  // Works for some milliseconds; returns how much was done.
  virtual double Turn() = 0;

 private:
  const double most_per_second_;
  double done_ = 0, seconds_ = 0;
};

// `name`: snapshot, growth or sweep; null for another. `time`: event time of the lookups; both outlive what is
// returned.
std::unique_ptr<OtherWork> MakeOtherWork(const std::string& name, tandem::Table* table,
                                         const std::atomic<uint32_t>* time);

// Keeps the calling thread on one CPU.
void StayOn(int cpu);

}  // namespace bench
