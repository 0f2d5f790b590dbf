#include "vit/state_dict/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <numeric>

#include "vit/core/error.h"

namespace vit::state_dict {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// 0, 1, 2, … in float32.
Tensor counting(Shape shape) {
  Tensor tensor(io::DType::kF32, std::move(shape));
  std::vector<float> values(static_cast<std::size_t>(tensor.numel()));
  std::iota(values.begin(), values.end(), 0.0F);
  std::memcpy(tensor.mutable_bytes().data(), values.data(), tensor.bytes().size());
  return tensor;
}

TEST(StateDictTensor, PermutesValuesWithTheShape) {
  const auto turned = counting({2, 3, 2}).permute({2, 0, 1});
  EXPECT_THAT(turned.shape(), ElementsAre(2, 2, 3));
  EXPECT_THAT(turned.floats(), ElementsAre(0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11));
  EXPECT_THAT(counting({2, 3}).t().floats(), ElementsAre(0, 3, 1, 4, 2, 5));
}

TEST(StateDictTensor, SlicesAnyDimension) {
  const auto x = counting({2, 3});
  EXPECT_THAT(x.slice(1, 1, 2).floats(), ElementsAre(1, 4));
  EXPECT_THAT(x.slice(1, 1).floats(), ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(x.slice(0, 1).floats(), ElementsAre(3, 4, 5));
  EXPECT_THAT(x.slice(1, 2, 5).floats(), ElementsAre(2, 5));  // beyond the end as in Python
  EXPECT_THAT(x.select(1, 2).floats(), ElementsAre(2, 5));
  EXPECT_THAT(x.select(0, 1).shape(), ElementsAre(3));
}

TEST(StateDictTensor, ReshapesWithoutACopy) {
  const auto x = counting({2, 6});
  const auto y = x.reshape({3, -1, 2});
  EXPECT_THAT(y.shape(), ElementsAre(3, 2, 2));
  EXPECT_EQ(y.memory(), x.memory());
  EXPECT_THAT(y.flatten(1).shape(), ElementsAre(3, 4));
  EXPECT_THAT(y.unsqueeze(0).shape(), ElementsAre(1, 3, 2, 2));
}

TEST(StateDictTensor, RefusesWhatItsShapeDoesNotAllow) {
  const auto x = counting({2, 3});
  EXPECT_THROW(x.reshape({4, -1}), DataError);
  EXPECT_THROW(x.reshape({-1, -1}), DataError);
  EXPECT_THROW(x.permute({0}), DataError);
  EXPECT_THROW(x.slice(2, 0), DataError);
  EXPECT_THROW(x.select(0, 2), DataError);
  EXPECT_THROW(counting({2, 3, 4}).t(), DataError);
  EXPECT_THROW(cat({x, counting({2, 4})}), DataError);
  EXPECT_THROW(add(x, counting({5})), DataError);
}

TEST(StateDictTensor, TakesTheSameStepsWithoutValues) {
  const auto meta = Tensor::meta(io::DType::kF16, {1000000, 1000000});
  const auto found = meta.t().slice(0, 0, 12).reshape({3, 4, -1}).permute({2, 1, 0});
  EXPECT_TRUE(found.is_meta());
  EXPECT_THAT(found.shape(), ElementsAre(1000000, 4, 3));
  EXPECT_EQ(found.dtype(), io::DType::kF16);
}

TEST(StateDictTensor, JoinsAlongTheFirstDimension) {
  const auto joined = cat({counting({1, 2}), counting({2, 2})});
  EXPECT_THAT(joined.shape(), ElementsAre(3, 2));
  EXPECT_THAT(joined.floats(), ElementsAre(0, 1, 0, 1, 2, 3));
  EXPECT_THAT(add(counting({2, 2}), counting({4})).floats(), ElementsAre(0, 2, 4, 6));
}

TEST(StateDictTensor, IsGivenAsFloat32WhateverItsType) {
  const auto x = counting({2, 3});
  EXPECT_EQ(x.float32().memory(), x.memory());
  Tensor bytes(io::DType::kI8, {2, 2});
  const std::int8_t values[] = {-128, 0, 1, 127};
  std::memcpy(bytes.mutable_bytes().data(), values, sizeof values);
  EXPECT_EQ(bytes.float32().dtype(), io::DType::kF32);
  EXPECT_THAT(bytes.float32().floats(), ElementsAre(-128, 0, 1, 127));
  EXPECT_TRUE(Tensor::meta(io::DType::kI8, {2, 2}).float32().is_meta());
}

TEST(StateDictTensor, MultipliesIntegersByTheirRowsScale) {
  Tensor values(io::DType::kI8, {2, 2});
  const std::array<std::int8_t, 4> integers{-128, 127, 1, 0};
  std::memcpy(values.mutable_bytes().data(), integers.data(), integers.size());
  EXPECT_THAT(dequantize(values, counting({2})).floats(), ElementsAre(0, 0, 1, 0));
  EXPECT_THAT([&] { dequantize(values, counting({3})); },
              ThrowsMessage<DataError>(HasSubstr("a scale [out]")));
}

}  // namespace
}  // namespace vit::state_dict
