#include "vit/engine/profile.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <limits>

#include "vit/core/error.h"
#include "vit/core/json.h"

namespace vit::engine {
namespace {

/// `block.3.mlp.fc1` as `block.mlp.fc1`: the same part of all blocks.
std::string part_of(const std::string& name) {
  std::string part;
  for (std::size_t i = 0; i < name.size();) {
    const auto end = std::min(name.find('.', i), name.size());
    const bool number = std::all_of(name.begin() + static_cast<std::ptrdiff_t>(i),
                                    name.begin() + static_cast<std::ptrdiff_t>(end),
                                    [](unsigned char c) { return std::isdigit(c) != 0; });
    if (!number || end == i) {
      if (!part.empty()) part += '.';
      part.append(name, i, end - i);
    }
    i = end + 1;
  }
  return part;
}

struct Part {
  std::string name, description;
  int steps = 0;
  double flops = 0.0, seconds = 0.0;
};

std::vector<Part> parts_of(const std::vector<StepReport>& steps) {
  std::vector<Part> parts;
  for (const auto& step : steps) {
    const auto name = part_of(step.name);
    auto part = std::find_if(parts.begin(), parts.end(), [&](const Part& known) {
      return known.name == name && known.description == step.description;
    });
    if (part == parts.end()) part = parts.insert(part, {name, step.description, 0, 0.0, 0.0});
    ++part->steps;
    part->flops += step.flops;
    part->seconds += step.seconds;
  }
  return parts;
}

/// `value` in `width` columns; a dash where there is none.
std::string column(double value, int width, int decimals) {
  char text[64];
  if (std::isfinite(value))
    std::snprintf(text, sizeof text, "%*.*f", width, decimals, value);
  else
    std::snprintf(text, sizeof text, "%*s", width, "-");
  return text;
}

std::string table_line(const Part& part, const Profile& profile, double total) {
  const auto batch = static_cast<double>(profile.batch);
  const double none = std::numeric_limits<double>::quiet_NaN();
  const double flops = part.flops > 0.0 ? part.flops * batch : none;
  const double peak = profile.peak > 0.0 ? profile.peak : none;
  auto line = column(part.seconds * 1e3 / batch, 9, 3) + column(part.seconds / total * 1e2, 7, 1) +
              column(flops / part.seconds / 1e9, 10, 1) +
              column(part.seconds * peak / flops, 9, 1) +
              format("  {} ({})", part.name, part.steps);
  if (!part.description.empty()) line += ": " + part.description;
  return line + "\n";
}

}  // namespace

std::string step_text(const StepReport& step) {
  return format("{}: {}{}", step.name, step.description, step.per_batch ? " (batch)" : "");
}

std::string profile_table(const Profile& profile) {
  const auto parts = parts_of(profile.steps);
  Part all{"all", "", 0, 0.0, 0.0};
  for (const auto& part : parts) {
    all.steps += part.steps;
    all.flops += part.flops;
    all.seconds += part.seconds;
  }
  std::string text = " ms/image      %   GFLOP/s  x floor  step\n";
  for (const auto& part : parts) text += table_line(part, profile, all.seconds);
  return text + table_line(all, profile, all.seconds);
}

Json profile_json(const Profile& profile) {
  auto steps = Json::array();
  for (const auto& step : profile.steps)
    steps.push_back({{"name", step.name},
                     {"step", step.description},
                     {"flops", step.flops},
                     {"seconds", step.seconds}});
  return {{"threads", profile.threads},
          {"seconds", profile.seconds},
          {"peak", profile.peak},
          {"steps", std::move(steps)}};
}

std::string chrome_trace(const Profile& profile) {
  auto events = Json::array();
  constexpr double kMicroseconds = 1e6;
  for (const auto& event : profile.events) {
    const auto& step = profile.steps[event.step];
    events.push_back({{"name", step.name},
                      {"cat", "step"},
                      {"ph", "X"},
                      {"ts", event.begin * kMicroseconds},
                      {"dur", event.seconds * kMicroseconds},
                      {"pid", 1},
                      {"tid", event.thread},
                      {"args", {{"step", step.description}, {"image", event.image}}}});
  }
  return Json{{"traceEvents", std::move(events)}, {"displayTimeUnit", "ms"}}.dump() + "\n";
}

}  // namespace vit::engine
