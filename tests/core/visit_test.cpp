#include "vit/core/visit.h"

#include <gtest/gtest.h>

#include <cmath>

namespace vit {
namespace {

struct Inner {
  double rate = 0.5;
  std::string kind = "a";
};

template <class Visitor>
void visit(Inner& o, Visitor&& v) {
  v("rate", o.rate, Field{.help = "A rate", .low = 0, .high = 1, .above_low = true});
  v("kind", o.kind, Field{.names = {"a", "b", ""}});
}

struct Outer {
  std::int64_t count = 3;
  std::optional<double> limit;
  std::vector<double> shares{0.25, 0.5};
  std::filesystem::path file = "x";
  Inner inner;
};

template <class Visitor>
void visit(Outer& o, Visitor&& v) {
  v("count", o.count, Field{.low = 1, .high = 9});
  v("limit", o.limit, Field{.low = 0, .high = 1, .below_high = true});
  v("shares", o.shares, Field{.low = 0, .high = 1});
  v("file", o.file);
  visit(o.inner, in_group("Inner", v));
}

std::string fault_of(const Outer& options) {
  const auto fault = find_fault(options);
  return fault ? fault->field + ": " + fault->expected + ": " + fault->found : "";
}

TEST(Visit, PutsNestedOptionsBesideTheOthers) {
  const Json json = fields_to_json(Outer());
  EXPECT_EQ(json.dump(),
            R"({"count":3,"limit":null,"shares":[0.25,0.5],"file":"x","rate":0.5,"kind":"a"})");
  Outer back;
  fields_from_json(back, Json{{"kind", "b"}, {"limit", 0.5}}, "test");
  EXPECT_EQ(back.inner.kind, "b");
  EXPECT_EQ(back.limit, 0.5);
  EXPECT_FALSE(fields_equal(back, Outer()));
}

TEST(Visit, GroupsWhatIsNested) {
  Outer options;
  std::string groups;
  visit(options, [&](const char* name, auto&, const Field& about = {}) {
    if (*about.group != '\0') groups += format("{} in {};", name, about.group);
  });
  EXPECT_EQ(groups, "rate in Inner;kind in Inner;");
}

TEST(Visit, FindsTheFirstValueThatItsFieldDoesNotAllow) {
  EXPECT_EQ(fault_of(Outer()), "");
  const auto with = [](auto change) {
    Outer options;
    change(options);
    return fault_of(options);
  };
  EXPECT_EQ(with([](Outer& o) { o.count = 0; }), "count: a whole number from 1 to 9: 0");
  EXPECT_EQ(with([](Outer& o) { o.limit = 1; }), "limit: a number from 0 to below 1: 1");
  EXPECT_EQ(with([](Outer& o) { o.shares[1] = NAN; }), "shares: a number from 0 to 1: nan");
  EXPECT_EQ(with([](Outer& o) { o.inner.rate = 0; }), "rate: a number above 0, at most 1: 0");
  EXPECT_EQ(with([](Outer& o) { o.inner.kind = "c"; }), "kind: a, b or '': 'c'");
}

TEST(Field, SaysNoBoundsWhereThereAreNone) {
  EXPECT_EQ(Field{}.expected(/*whole=*/true), "a whole number");
  EXPECT_EQ(Field{}.expected(/*whole=*/false, /*plural=*/true), "numbers");
  EXPECT_FALSE(Field{}.allows(INFINITY));
}

}  // namespace
}  // namespace vit
