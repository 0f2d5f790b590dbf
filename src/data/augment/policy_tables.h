// The tables of timm/data/auto_augment.py.
#pragma once

#include <string>
#include <vector>

#include "vit/data/augment/policy.h"

namespace vit::data::augment {

/// AutoAugment's sub-policies: original, originalr, v0, v0r, 3a. Throws UsageError.
std::vector<std::vector<PolicyOp>> searched_policy(const std::string& name);

/// Operations that RandAugment draws from.
struct TransformSet {
  std::vector<std::string> names;
  std::vector<double> weights;  ///< summing to 1; empty: equal
};

/// timm's `t` section: weights, 3aw, 3a; anything else is the usual set.
TransformSet transform_set(const std::string& name, bool increasing);
TransformSet augmix_set();

}  // namespace vit::data::augment
