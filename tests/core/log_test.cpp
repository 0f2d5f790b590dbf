#include "vit/core/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

namespace vit {
namespace {

/// What `speak` wrote to a log of these options.
template <class Speak>
std::string written(LogOptions options, Speak speak) {
  char* text = nullptr;
  std::size_t size = 0;
  options.stream = open_memstream(&text, &size);
  {
    Log log(options);
    speak(log);
  }
  std::fclose(options.stream);
  std::string result(text, size);
  std::free(text);
  return result;
}

void speak_all(Log& log) {
  log.debug("d {}", 1);
  log.info("i");
  log.warning("w");
  log.error("e");
}

TEST(Log, SaysWhatItsLevelLetsThrough) {
  EXPECT_EQ(written({.program = "vit-x"}, speak_all),
            "vit-x: i\nvit-x: warning: w\nvit-x: error: e\n");
  EXPECT_EQ(written({.program = "vit-x", .level = LogLevel::kDebug}, speak_all),
            "vit-x: debug: d 1\nvit-x: i\nvit-x: warning: w\nvit-x: error: e\n");
}

TEST(Log, SaysErrorsEvenWhenQuiet) {
  EXPECT_EQ(written({.program = "vit-x", .level = LogLevel::kQuiet}, speak_all),
            "vit-x: error: e\n");
}

TEST(Log, WritesOneJsonObjectALine) {
  const auto line = written({.program = "vit-x", .format = LogFormat::kJson},
                            [](Log& log) { log.warning("a \"b\"\n{}", "\xff"); });
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  const auto json = Json::parse(line);
  EXPECT_EQ(json["program"], "vit-x");
  EXPECT_EQ(json["level"], "warning");
  EXPECT_EQ(json["message"], "a \"b\" \\xff");
}

}  // namespace
}  // namespace vit
