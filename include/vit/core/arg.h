// One option of a struct: a private value with a setter that can be chained and a getter.
#pragma once

#include <utility>

namespace vit {

/// `VIT_ARG(double, lr) = 1e-3;` gives `options.lr(1e-2)` (returns `options`) and `options.lr()`.
/// As TORCH_ARG, without LibTorch. What follows it in the struct is private.
// NOLINTBEGIN(bugprone-macro-parentheses): `T` and `name` are a type and a name
#define VIT_ARG(T, name)                             \
 public:                                             \
  auto name(T new_##name)->decltype(*this) {         \
    this->name##_ = std::move(new_##name);           \
    return *this;                                    \
  }                                                  \
  const T& name() const noexcept { return name##_; } \
  T& name() noexcept { return name##_; }             \
                                                     \
 private:                                            \
  T name##_
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace vit
