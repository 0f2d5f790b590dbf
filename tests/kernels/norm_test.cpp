#include <cmath>

#include "kernels/levels.h"

namespace vit::kernels {
namespace {

/// One group of a row in double.
std::vector<double> reference_norm(const NormCall& call, const float* x) {
  double mean = 0.0, square = 0.0;
  for (int i = 0; i < call.cols; ++i) mean += x[i];
  mean = call.rms ? 0.0 : mean / call.cols;
  for (int i = 0; i < call.cols; ++i) square += (x[i] - mean) * (x[i] - mean);
  std::vector<double> y;
  for (int i = 0; i < call.cols; ++i) {
    y.push_back((x[i] - mean) / std::sqrt(square / call.cols + call.eps));
    if (call.gain != nullptr) y.back() *= call.gain[i];
    if (call.bias != nullptr) y.back() += call.bias[i];
  }
  return y;
}

// Values are a few units large; mean and variance are sums of few hundred terms of size one.
constexpr double kNormTolerance = 2e-6;

class NormKernels : public KernelTest {};
VIT_EACH_LEVEL(NormKernels);

TEST_P(NormKernels, GiveTheReferencesRows) {
  for (const int cols : {1, 5, 16, 24, 72, 100, 192})
    for (const int groups : {1, 3})
      for (const bool rms : {false, true}) {
        const std::int64_t ld = padded(cols * groups);
        const auto x = normals(5 * ld, 1), gain = normals(padded(cols), 2),
                   bias = normals(padded(cols), 3);
        NormCall call;
        call.x = x.data();
        call.ld = ld;
        call.groups = groups;
        call.cols = cols;
        call.gain = gain.data();
        call.bias = rms ? nullptr : bias.data();
        call.eps = 1e-6F;
        call.rms = rms;
        auto out = x;  // in place
        call.rows = out.data();
        call.x = out.data();
        call.rows_ld = ld;
        GetParam().norm(call, 1, 4);
        for (int r = 0; r < 5; ++r)
          for (int g = 0; g < groups; ++g) {
            const auto* row = &x[r * ld + g * cols];
            const auto expected = reference_norm(call, row);
            for (int c = 0; c < cols; ++c) {
              const auto found = out[r * ld + g * cols + c];
              // One column's variance is nothing: its own value decides.
              if (r == 0 || r == 4)
                ASSERT_EQ(found, row[c]) << "row " << r << " was not asked for";
              else
                ASSERT_NEAR(found, expected[c], kNormTolerance) << cols << " columns, row " << r;
            }
          }
      }
}

TEST_P(NormKernels, WritePackedRows) {
  for (const int cols : {5, 24, 192, 600}) {
    const auto x = normals(7 * padded(cols), 1), gain = normals(padded(cols), 2),
               bias = normals(padded(cols), 3);
    NormCall call;
    call.x = x.data();
    call.ld = padded(cols);
    call.cols = cols;
    call.gain = gain.data();
    call.bias = bias.data();
    call.eps = 1e-5F;
    std::vector<float> rows(7 * padded(cols), 0.0F);
    call.rows = rows.data();
    call.rows_ld = padded(cols);
    GetParam().norm(call, 0, 7);
    std::vector<float> expected(packed_size(GetParam().isa, 7, cols), NAN), found = expected;
    auto packed = packed_rows(GetParam().isa, expected.data(), 7, cols);
    GetParam().pack_rows(rows.data(), padded(cols), packed, 0, packed.tiles);
    call.packed = packed_rows(GetParam().isa, found.data(), 7, cols);
    GetParam().norm(call, 0, 7);
    EXPECT_EQ(found, expected) << cols;
  }
}

TEST_P(NormKernels, AddToRows) {
  const auto x = normals(2 * 16, 1), addend = normals(2 * 16, 2);
  NormCall call;
  call.x = x.data();
  call.ld = 16;
  call.cols = 16;
  call.eps = 1e-6F;
  auto out = addend;
  call.rows = out.data();
  call.rows_ld = 16;
  call.addend = out.data();
  GetParam().norm(call, 0, 2);
  for (int r = 0; r < 2; ++r) {
    const auto expected = reference_norm(call, &x[r * 16]);
    for (int c = 0; c < 16; ++c)
      EXPECT_NEAR(out[r * 16 + c], expected[c] + addend[r * 16 + c], kNormTolerance);
  }
}

TEST_P(NormKernels, KeepTheirPrecisionFarFromZero) {
  std::vector<float> x(768);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = 1000.0F + static_cast<float>(i % 7);
  NormCall call;
  call.x = x.data();
  call.ld = 768;
  call.cols = 768;
  call.eps = 1e-6F;
  std::vector<float> out(768);
  call.rows = out.data();
  call.rows_ld = 768;
  GetParam().norm(call, 0, 1);
  const auto expected = reference_norm(call, x.data());
  // The mean itself rounds to 2^-24 of 1000, a spread of 2 divides it.
  for (int c = 0; c < 768; ++c) ASSERT_NEAR(out[c], expected[c], 1000 * 0x1p-23);
}

}  // namespace
}  // namespace vit::kernels
