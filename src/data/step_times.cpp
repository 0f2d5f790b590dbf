#include "vit/data/step_times.h"

#include <cstdio>

namespace vit::data {

Json StepTimes::to_json() const {
  return {{"inputs", inputs},       {"load_seconds", load},   {"wait_seconds", wait},
          {"model_seconds", model}, {"write_seconds", write}, {"total_seconds", total}};
}

std::string StepTimes::to_text() const {
  const double count = inputs > 0 ? static_cast<double>(inputs) : 1.0;
  std::string text = "step                     seconds  ms/input\n";
  const auto line = [&](const char* name, double seconds) {
    char row[96];
    std::snprintf(row, sizeof row, "%-22s %9.3f %9.3f\n", name, seconds, 1e3 * seconds / count);
    text += row;
  };
  line("load (all workers)", load);
  line("wait for inputs", wait);
  line("model", model);
  line("write", write);
  line("total", total);
  return text;
}

}  // namespace vit::data
