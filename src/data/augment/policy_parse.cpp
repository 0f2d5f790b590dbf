#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

#include "data/augment/policy_tables.h"
#include "vit/core/error.h"

namespace vit::data::augment {
namespace {

/// One section of a configuration string, `mstd0.5`, as its letters and its number.
struct Section {
  std::string key;
  std::string value;
};

std::vector<std::string> split_at_dashes(const std::string& config) {
  std::vector<std::string> sections(1);
  for (const auto c : config) {
    if (c == '-')
      sections.emplace_back();
    else
      sections.back() += c;
  }
  return sections;
}

std::int64_t whole_number(const Section& section, std::int64_t low, std::int64_t high) {
  std::int64_t value = 0;
  const auto* end = section.value.data() + section.value.size();
  const auto [rest, error] = std::from_chars(section.value.data(), end, value);
  if (error != std::errc{} || rest != end || value < low || value > high)
    throw UsageError("aa: '{}': expected a whole number from {} to {}, found '{}'", section.key,
                     low, high, section.value);
  return value;
}

double real_number(const Section& section) {
  char* rest = nullptr;
  const double value = std::strtod(section.value.c_str(), &rest);
  // strtod also knows hexadecimal digits.
  const bool decimal = section.value.find_first_of("xX") == std::string::npos;
  if (*rest != '\0' || !decimal || !std::isfinite(value))
    throw UsageError("aa: '{}': expected a number, found '{}'", section.key, section.value);
  return value;
}

constexpr std::int64_t kMany = 1000;

/// What RandAugment's and AugMix's sections set before the operations are known.
struct Settings {
  std::int64_t magnitude;
  double prob = 0.5;
  bool increasing = false;
  std::string set;
};

void read_rand(const Section& section, Policy& policy, Settings& settings) {
  if (section.key == "mstd") {
    const double std = real_number(section);
    policy.magnitude_std = std > 100 ? std::numeric_limits<double>::infinity() : std;
  } else if (section.key == "mmax") {
    policy.magnitude_max = static_cast<double>(whole_number(section, 0, kMany));
    // timm: 0 is no maximum but the usual one.
    if (policy.magnitude_max == 0) policy.magnitude_max = 10;
  } else if (section.key == "inc") {
    settings.increasing = whole_number(section, 0, kMany) != 0;
  } else if (section.key == "m") {
    settings.magnitude = whole_number(section, 0, kMany);
  } else if (section.key == "n") {
    policy.num_layers = whole_number(section, 0, kMany);
  } else if (section.key == "p") {
    settings.prob = real_number(section);
  } else {
    throw UsageError("aa: expected m, n, p, mstd, mmax, inc or t in 'rand-…', found '{}'",
                     section.key);
  }
}

void read_augmix(const Section& section, Policy& policy, Settings& settings) {
  if (section.key == "mstd")
    policy.magnitude_std = real_number(section);
  else if (section.key == "m")
    settings.magnitude = whole_number(section, 0, kMany);
  else if (section.key == "w")
    policy.width = whole_number(section, 1, kMany);
  else if (section.key == "d")
    policy.depth = whole_number(section, 0, kMany);
  else if (section.key == "a")
    policy.alpha = real_number(section);
  else if (section.key == "b")
    policy.blended = whole_number(section, 0, kMany) != 0;
  else
    throw UsageError("aa: expected m, w, d, a, b or mstd in 'augmix-…', found '{}'", section.key);
}

void read_searched(const Section& section, Policy& policy, Settings&) {
  if (section.key != "mstd")
    throw UsageError("aa: expected mstd after a policy's name, found '{}'", section.key);
  policy.magnitude_std = real_number(section);
}

void take_set(const TransformSet& set, const Settings& settings, Policy& policy) {
  for (const auto& name : set.names)
    policy.choices.push_back({{name, settings.prob, static_cast<double>(settings.magnitude)}});
  policy.weights = set.weights;
  if (!set.weights.empty() && policy.num_layers > std::ssize(set.names))
    throw UsageError("aa: 'n': expected at most {}, the weighted operations, found {}",
                     set.names.size(), policy.num_layers);
}

}  // namespace

Policy parse_policy(const std::string& config, std::int64_t image_size) {
  const auto sections = split_at_dashes(config);
  Policy policy;
  policy.levels.translate_const = std::trunc(static_cast<double>(image_size) * 0.45);
  const bool rand = sections[0] == "rand";
  const bool augmix = sections[0] == "augmix";
  Settings settings{augmix ? 3 : 10, augmix ? 1.0 : 0.5, false, {}};
  if (augmix) {
    policy.kind = Policy::Kind::kAugMix;
    policy.levels.translate_pct = 0.3;
    policy.magnitude_std = std::numeric_limits<double>::infinity();
  } else if (!rand) {
    policy.kind = Policy::Kind::kAutoAugment;
    policy.choices = searched_policy(sections[0]);
  }
  auto* read = rand ? read_rand : augmix ? read_augmix : read_searched;
  for (std::size_t i = 1; i < sections.size(); ++i) {
    const auto& text = sections[i];
    if (rand && text.starts_with('t')) {
      settings.set = text.substr(1);
      continue;
    }
    const auto digit = text.find_first_of("0123456789");
    if (digit == std::string::npos) {
      policy.ignored.push_back(text);
      continue;
    }
    read({text.substr(0, digit), text.substr(digit)}, policy, settings);
  }
  if (rand) take_set(transform_set(settings.set, settings.increasing), settings, policy);
  if (augmix) take_set(augmix_set(), settings, policy);
  return policy;
}

}  // namespace vit::data::augment
