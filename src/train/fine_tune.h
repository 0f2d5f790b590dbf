// Fine-tuning: the weights of a trained model in another, and which rows of its head stand for the
// dataset's classes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vit/model/vision_transformer.h"

namespace vit::train {

/// Names decide where both sides have them; without names on one side the number of classes does.
struct HeadPlan {
  enum class Kind { kKept, kPermuted, kNew };
  Kind kind = Kind::kNew;
  std::vector<std::int64_t> rows;  ///< kPermuted: the trained head's row of each class
  std::string reason;              ///< for people: "the same 10 class names"
};

/// A side without names gives an empty list; `trained_classes` 0: no head.
HeadPlan plan_head(const std::vector<std::string>& trained_names, std::int64_t trained_classes,
                   const std::vector<std::string>& names, std::int64_t classes);

/// Whether a tensor of the state dict belongs to the head or the distillation head.
bool is_head(const std::string& name);

/// Puts the rows of both heads' weights and biases into the order `rows`.
void permute_head(VisionTransformer& model, const std::vector<std::int64_t>& rows);

/// Both heads drawn anew, as vit-convert draws the head of another number of classes.
void draw_head(VisionTransformer& model, std::uint64_t seed);

/// Every tensor but the heads' must be on both sides with one shape; the heads' are copied where
/// `with_head`. Throws DataError listing what is missing, has no place and is misshapen; `source`
/// opens the message.
void copy_weights(const VisionTransformer& from, VisionTransformer& to, bool with_head,
                  const std::string& source);

}  // namespace vit::train
