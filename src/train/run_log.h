// log.jsonl, summary.csv and TensorBoard's event file of a run folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "vit/core/json.h"

namespace vit::train {

/// Rows of `event` `step`, `epoch`, `bad_image` and `not_finite`. When `write` returns, the row is
/// in the file: it stays when this process is killed. A row that is cut short (by a full disk) is
/// left out when a run goes on.
class RunLog {
 public:
  struct Options {
    bool tensorboard = false;  ///< also event files
    bool multi_label = false;  ///< summary.csv has mAP for top-1 and top-5
  };

  /// Starts afresh. Throws IoError.
  RunLog(const std::filesystem::path& folder, Options options);
  /// Goes on: rows past `epoch` whole epochs and `step` steps are taken out first. Throws IoError,
  /// DataError where log.jsonl is larger than 4 GiB.
  RunLog(const std::filesystem::path& folder, Options options, std::int64_t epoch,
         std::int64_t step);

  /// Appends to log.jsonl and the events; an `epoch` row also to summary.csv. Throws IoError.
  void write(const Json& row);

 private:
  /// A file that grows at its end.
  class Appender {
   public:
    Appender() = default;
    explicit Appender(std::filesystem::path path);
    Appender(Appender&& other) noexcept;
    Appender& operator=(Appender&& other) noexcept;
    ~Appender();
    void write(std::string_view text);

   private:
    std::filesystem::path path_;
    int descriptor_ = -1;
  };

  void open(const std::filesystem::path& folder, const std::string& rows,
            const std::string& summary, const std::string& events);

  std::string header() const;
  std::string csv_row(const Json& row) const;

  Options options_;
  Appender rows_, summary_, events_;
};

}  // namespace vit::train
