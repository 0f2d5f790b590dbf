#include "vit/engine/precision.h"

#include <gtest/gtest.h>

#include "vit/core/error.h"

namespace vit::engine {
namespace {

TEST(Precision, HasTheNamesThatItIsParsedFrom) {
  for (const char* name : {"fp32", "bf16", "int8"})
    EXPECT_EQ(precision_name(*parse_precision(name)), name);
  EXPECT_EQ(parse_precision("auto"), std::nullopt);
  EXPECT_THROW(parse_precision("fp16"), UsageError);
}

TEST(Precision, IsTheFilesWhereNoneIsAskedFor) {
  EXPECT_EQ(resolve_precision({}, true), Precision::kInt8);
  EXPECT_EQ(resolve_precision({}, false), Precision::kFp32);
  EXPECT_EQ(resolve_precision(Precision::kBf16, true), Precision::kBf16);
}

}  // namespace
}  // namespace vit::engine
