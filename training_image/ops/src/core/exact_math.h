// Logarithm, exponential and log-gamma made of additions, multiplications and divisions only.
//
// Memory:  values only.
// Threads: pure; any thread. The same bits on every machine: libm's differ between machines, IEEE 754's operations do
//          not (the core is compiled without contraction and computes in IeeeScope).
//
// Errors: Log and Exp below 4 units in the last place over their ranges, LogGamma below 1e-13 relative or absolute.
#pragma once

#include <cstdint>
#include <cstring>

namespace tandem {

// The natural logarithm of a positive, finite, normal x: x = m 2^e with m in [2/3, 4/3), ln m = 2 atanh((m - 1)/(m + 1)).
inline double Log(double x) {
  uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  // The exponent is taken so that the mantissa lies about 1; 0x3FE5555555555555 is 2/3.
  const uint64_t shifted = bits - 0x3FE5555555555555ULL;
  const auto exponent = static_cast<int64_t>(shifted) >> 52;
  bits -= static_cast<uint64_t>(exponent) << 52;
  double m;
  std::memcpy(&m, &bits, sizeof m);
  const double z = (m - 1) / (m + 1), y = z * z;  // y <= 1/25
  // Odd and even terms apart, so that two chains of operations run side by side.
  const double y2 = y * y;
  const double even = 1 + y2 * (1.0 / 5 + y2 * (1.0 / 9 + y2 * (1.0 / 13 + y2 * (1.0 / 17 + y2 * (1.0 / 21)))));
  const double odd = 1.0 / 3 + y2 * (1.0 / 7 + y2 * (1.0 / 11 + y2 * (1.0 / 15 + y2 * (1.0 / 19 + y2 * (1.0 / 23)))));
  const auto e = static_cast<double>(exponent);
  // ln 2 in two parts: e * kHigh is exact for |e| < 2^11.
  constexpr double kHigh = 0x1.62e42fefa0000p-1, kLow = 0x1.cf79abc9e3b3ap-40;
  return e * kHigh + (2 * z * (even + y * odd) + e * kLow);
}

// e^x; 0 below -700 and e^700 above 700, where no caller needs more.
inline double Exp(double x) {
  if (x < -700) return 0;
  if (x > 700) x = 700;
  constexpr double kPerLn2 = 0x1.71547652b82fep+0, kHigh = 0x1.62e42fefa0000p-1, kLow = 0x1.cf79abc9e3b3ap-40;
  const auto n = static_cast<int64_t>(x * kPerLn2 + (x < 0 ? -0.5 : 0.5));
  const auto e = static_cast<double>(n);
  const double r = (x - e * kHigh) - e * kLow;  // |r| <= 0.3466
  double sum = 1;
  for (int i = 14; i >= 1; --i) sum = 1 + sum * (r * (1.0 / i));
  const uint64_t bits = static_cast<uint64_t>(n + 1023) << 52;
  double scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return sum * scale;
}

// ln Γ(x) for x > 0: Stirling's series at x + m >= 10, less the logarithm of the factors between.
inline double LogGamma(double x) {
  double below = 1;
  while (x < 10) below *= x++;
  const double i = 1 / x, i2 = i * i;
  const double series = i * (1.0 / 12 - i2 * (1.0 / 360 - i2 * (1.0 / 1260 - i2 * (1.0 / 1680 - i2 * (1.0 / 1188)))));
  constexpr double kHalfLogTwoPi = 0.91893853320467274178;
  return (x - 0.5) * Log(x) - x + kHalfLogTwoPi + series - Log(below);
}

}  // namespace tandem
