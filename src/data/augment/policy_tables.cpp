// The tables of timm/data/auto_augment.py (1.0.31): searched policies and sets of operations.
#include "data/augment/policy_tables.h"

#include <utility>

#include "vit/core/error.h"

namespace vit::data::augment {
namespace {

using Choices = std::vector<std::vector<PolicyOp>>;

/// AutoAugment (arXiv 1805.09501), for ImageNet.
Choices searched_original(const char* posterize) {
  return {
      {{posterize, 0.4, 8}, {"Rotate", 0.6, 9}},
      {{"Solarize", 0.6, 5}, {"AutoContrast", 0.6, 5}},
      {{"Equalize", 0.8, 8}, {"Equalize", 0.6, 3}},
      {{posterize, 0.6, 7}, {posterize, 0.6, 6}},
      {{"Equalize", 0.4, 7}, {"Solarize", 0.2, 4}},
      {{"Equalize", 0.4, 4}, {"Rotate", 0.8, 8}},
      {{"Solarize", 0.6, 3}, {"Equalize", 0.6, 7}},
      {{posterize, 0.8, 5}, {"Equalize", 1, 2}},
      {{"Rotate", 0.2, 3}, {"Solarize", 0.6, 8}},
      {{"Equalize", 0.6, 8}, {posterize, 0.4, 6}},
      {{"Rotate", 0.8, 8}, {"Color", 0.4, 0}},
      {{"Rotate", 0.4, 9}, {"Equalize", 0.6, 2}},
      {{"Equalize", 0, 7}, {"Equalize", 0.8, 8}},
      {{"Invert", 0.6, 4}, {"Equalize", 1, 8}},
      {{"Color", 0.6, 4}, {"Contrast", 1, 8}},
      {{"Rotate", 0.8, 8}, {"Color", 1, 2}},
      {{"Color", 0.8, 8}, {"Solarize", 0.8, 7}},
      {{"Sharpness", 0.4, 7}, {"Invert", 0.6, 8}},
      {{"ShearX", 0.6, 5}, {"Equalize", 1, 9}},
      {{"Color", 0.4, 0}, {"Equalize", 0.6, 3}},
      {{"Equalize", 0.4, 7}, {"Solarize", 0.2, 4}},
      {{"Solarize", 0.6, 5}, {"AutoContrast", 0.6, 5}},
      {{"Invert", 0.6, 4}, {"Equalize", 1, 8}},
      {{"Color", 0.6, 4}, {"Contrast", 1, 8}},
      {{"Equalize", 0.8, 8}, {"Equalize", 0.6, 3}},
  };
}

/// TensorFlow's EfficientNet, without a paper.
Choices searched_v0(const char* posterize) {
  return {
      {{"Equalize", 0.8, 1}, {"ShearY", 0.8, 4}},
      {{"Color", 0.4, 9}, {"Equalize", 0.6, 3}},
      {{"Color", 0.4, 1}, {"Rotate", 0.6, 8}},
      {{"Solarize", 0.8, 3}, {"Equalize", 0.4, 7}},
      {{"Solarize", 0.4, 2}, {"Solarize", 0.6, 2}},
      {{"Color", 0.2, 0}, {"Equalize", 0.8, 8}},
      {{"Equalize", 0.4, 8}, {"SolarizeAdd", 0.8, 3}},
      {{"ShearX", 0.2, 9}, {"Rotate", 0.6, 8}},
      {{"Color", 0.6, 1}, {"Equalize", 1, 2}},
      {{"Invert", 0.4, 9}, {"Rotate", 0.6, 0}},
      {{"Equalize", 1, 9}, {"ShearY", 0.6, 3}},
      {{"Color", 0.4, 7}, {"Equalize", 0.6, 0}},
      {{posterize, 0.4, 6}, {"AutoContrast", 0.4, 7}},
      {{"Solarize", 0.6, 8}, {"Color", 0.6, 9}},
      {{"Solarize", 0.2, 4}, {"Rotate", 0.8, 9}},
      {{"Rotate", 1, 7}, {"TranslateYRel", 0.8, 9}},
      {{"ShearX", 0, 0}, {"Solarize", 0.8, 4}},
      {{"ShearY", 0.8, 0}, {"Color", 0.6, 4}},
      {{"Color", 1, 0}, {"Rotate", 0.6, 2}},
      {{"Equalize", 0.8, 4}, {"Equalize", 0, 8}},
      {{"Equalize", 1, 4}, {"AutoContrast", 0.6, 2}},
      {{"ShearY", 0.4, 7}, {"SolarizeAdd", 0.6, 7}},
      {{posterize, 0.8, 2}, {"Solarize", 0.6, 10}},
      {{"Solarize", 0.6, 8}, {"Equalize", 0.6, 1}},
      {{"Color", 0.8, 6}, {"Rotate", 0.4, 5}},
  };
}

constexpr const char* kPlain[] = {"AutoContrast", "Equalize",      "Invert",       "Rotate",
                                  "Posterize",    "Solarize",      "SolarizeAdd",  "Color",
                                  "Contrast",     "Brightness",    "Sharpness",    "ShearX",
                                  "ShearY",       "TranslateXRel", "TranslateYRel"};

constexpr const char* kIncreasing[] = {"AutoContrast",
                                       "Equalize",
                                       "Invert",
                                       "Rotate",
                                       "PosterizeIncreasing",
                                       "SolarizeIncreasing",
                                       "SolarizeAdd",
                                       "ColorIncreasing",
                                       "ContrastIncreasing",
                                       "BrightnessIncreasing",
                                       "SharpnessIncreasing",
                                       "ShearX",
                                       "ShearY",
                                       "TranslateXRel",
                                       "TranslateYRel"};

constexpr const char* kThree[] = {"SolarizeIncreasing", "Desaturate", "GaussianBlur"};

constexpr const char* kAugMix[] = {"AutoContrast",
                                   "ColorIncreasing",
                                   "ContrastIncreasing",
                                   "BrightnessIncreasing",
                                   "SharpnessIncreasing",
                                   "Equalize",
                                   "Rotate",
                                   "PosterizeIncreasing",
                                   "SolarizeIncreasing",
                                   "ShearX",
                                   "ShearY",
                                   "TranslateXRel",
                                   "TranslateYRel"};

using Weighted = std::pair<const char*, double>;

constexpr Weighted kWeighted[] = {{"Rotate", 3},
                                  {"ShearX", 2},
                                  {"ShearY", 2},
                                  {"TranslateXRel", 1},
                                  {"TranslateYRel", 1},
                                  {"ColorIncreasing", 0.25},
                                  {"SharpnessIncreasing", 0.25},
                                  {"AutoContrast", 0.25},
                                  {"SolarizeIncreasing", 0.05},
                                  {"SolarizeAdd", 0.05},
                                  {"ContrastIncreasing", 0.05},
                                  {"BrightnessIncreasing", 0.05},
                                  {"Equalize", 0.05},
                                  {"PosterizeIncreasing", 0.05},
                                  {"Invert", 0.05}};

constexpr Weighted kWeightedThree[] = {{"SolarizeIncreasing", 6},
                                       {"Desaturate", 6},
                                       {"GaussianBlur", 6},
                                       {"Rotate", 3},
                                       {"ShearX", 2},
                                       {"ShearY", 2},
                                       {"PosterizeIncreasing", 1},
                                       {"AutoContrast", 1},
                                       {"ColorIncreasing", 1},
                                       {"SharpnessIncreasing", 1},
                                       {"ContrastIncreasing", 1},
                                       {"BrightnessIncreasing", 1},
                                       {"Equalize", 1},
                                       {"Invert", 1}};

template <class Names>
TransformSet unweighted(const Names& names) {
  return {{std::begin(names), std::end(names)}, {}};
}

template <class Table>
TransformSet weighted(const Table& table) {
  TransformSet set;
  double sum = 0;
  for (const auto& [name, weight] : table) {
    set.names.emplace_back(name);
    set.weights.push_back(weight);
    sum += weight;
  }
  for (auto& weight : set.weights) weight /= sum;
  return set;
}

}  // namespace

Choices searched_policy(const std::string& name) {
  if (name == "original") return searched_original("PosterizeOriginal");
  if (name == "originalr") return searched_original("PosterizeIncreasing");
  if (name == "v0") return searched_v0("Posterize");
  if (name == "v0r") return searched_v0("PosterizeIncreasing");
  if (name == "3a")
    return {{{"Solarize", 1, 5}}, {{"Desaturate", 1, 10}}, {{"GaussianBlurRand", 1, 10}}};
  throw UsageError("aa: expected rand-…, augmix-…, original, originalr, v0, v0r or 3a, found '{}'",
                   name);
}

TransformSet transform_set(const std::string& name, bool increasing) {
  if (name == "weights") return weighted(kWeighted);
  if (name == "3aw") return weighted(kWeightedThree);
  if (name == "3a") return unweighted(kThree);
  return increasing ? unweighted(kIncreasing) : unweighted(kPlain);
}

TransformSet augmix_set() { return unweighted(kAugMix); }

}  // namespace vit::data::augment
