#include "vit/engine/precision.h"

#include <gtest/gtest.h>

#include "vit/core/error.h"

namespace vit::engine {
namespace {

TEST(Precision, HasTheNamesThatItIsParsedFrom) {
  for (const char* name : {"fp32", "fp32x3", "bf16", "int8"})
    EXPECT_EQ(precision_name(*parse_precision(name)), name);
  EXPECT_EQ(parse_precision("auto"), std::nullopt);
  EXPECT_THROW(parse_precision("fp16"), UsageError);
}

TEST(Precision, IsTheFilesWhereNoneIsAskedFor) {
  EXPECT_EQ(resolve_precision({}, true, Isa::kPortable), Precision::kInt8);
  EXPECT_EQ(resolve_precision({}, false, Isa::kAmx), Precision::kFp32);
  EXPECT_EQ(resolve_precision(Precision::kBf16, true, Isa::kAvx2), Precision::kBf16);
}

TEST(Precision, IsExactWhereThreeProductsCannotBeHad) {
  EXPECT_EQ(resolve_precision(Precision::kFp32x3, false, Isa::kAmx), Precision::kFp32x3);
  EXPECT_EQ(resolve_precision(Precision::kFp32x3, false, Isa::kBf16), Precision::kFp32);
}

TEST(Precision, SaysTheLevelWhoseInstructionsItUses) {
  EXPECT_EQ(level_of(Precision::kFp32, Isa::kAmx), Isa::kAmx);
  EXPECT_EQ(level_of(Precision::kFp32, Isa::kAmx, /*low_memory=*/true), Isa::kAvx512);
  EXPECT_EQ(level_of(Precision::kFp32, Isa::kBf16), Isa::kAvx512);
  EXPECT_EQ(level_of(Precision::kFp32, Isa::kAvx2), Isa::kAvx2);
  EXPECT_EQ(level_of(Precision::kBf16, Isa::kVnni), Isa::kAvx512);
  EXPECT_EQ(level_of(Precision::kBf16, Isa::kBf16), Isa::kBf16);
  EXPECT_EQ(level_of(Precision::kInt8, Isa::kVnni), Isa::kVnni);
}

}  // namespace
}  // namespace vit::engine
