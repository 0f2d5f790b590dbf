#include "vit/data/subset.h"

#include <gtest/gtest.h>

#include <set>

#include "vit/core/error.h"

namespace vit::data {
namespace {

/// Ten images of one pixel, each of its own value.
class EvenAndOdd : public Dataset {
 public:
  EvenAndOdd() { classes_ = {"even", "odd"}; }
  std::int64_t size() const override { return 10; }
  std::int64_t label(std::int64_t index) const override { return index % 2; }
  std::string name(std::int64_t index) const override { return std::to_string(index); }
  Image load(std::int64_t index) const override {
    Image image(1, 1, 1);
    image.row(0)[0] = static_cast<std::uint8_t>(index);
    return image;
  }
  std::uint64_t fingerprint(std::int64_t index) const override {
    return static_cast<std::uint64_t>(index);
  }
};

std::vector<std::string> names_of(const Dataset& data) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < data.size(); ++i) names.push_back(data.name(i));
  return names;
}

TEST(Subset, HoldsTheImagesThatItWasGivenWithAllClasses) {
  const auto some = subset(std::make_shared<EvenAndOdd>(), {7, 2});
  EXPECT_EQ(names_of(*some), (std::vector<std::string>{"7", "2"}));
  EXPECT_EQ(some->label(0), 1);
  EXPECT_EQ(some->load(1).row(0)[0], 2);
  EXPECT_EQ(some->fingerprint(0), 7U);
  EXPECT_EQ(some->classes().size(), 2U);
}

TEST(Subset, RefusesAnImageThatIsNotThere) {
  EXPECT_THROW(subset(std::make_shared<EvenAndOdd>(), {10}), UsageError);
  EXPECT_THROW(subset(std::make_shared<EvenAndOdd>(), {-1}), UsageError);
}

TEST(HoldOut, GivesEveryImageToOneHalf) {
  const auto halves = hold_out(std::make_shared<EvenAndOdd>(), 3, 1);
  EXPECT_EQ(halves.held_out->size(), 3);
  EXPECT_EQ(halves.rest->size(), 7);
  std::set<std::string> all;
  for (const auto& half : {halves.rest, halves.held_out})
    for (const auto& name : names_of(*half)) all.insert(name);
  EXPECT_EQ(all.size(), 10U);
}

TEST(HoldOut, DrawsBySeedAlone) {
  const auto draw = [](std::uint64_t seed) {
    return names_of(*hold_out(std::make_shared<EvenAndOdd>(), 4, seed).held_out);
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
}

TEST(HoldOut, LeavesSomethingToTrainOn) {
  EXPECT_THROW(hold_out(std::make_shared<EvenAndOdd>(), 10, 1), UsageError);
  EXPECT_THROW(hold_out(std::make_shared<EvenAndOdd>(), 0, 1), UsageError);
}

}  // namespace
}  // namespace vit::data
