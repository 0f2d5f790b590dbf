// A gallery: images and what a model says of them, on one page that holds all that it shows.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vit/core/file.h"

namespace vit::report {

/// One image of a gallery.
struct GalleryCard {
  struct Answer {
    std::string label;
    double prob = 0;
  };
  std::string name;             ///< the file
  std::string image;            ///< data URI; empty: none
  std::string attention;        ///< data URI of the overlay; empty: none
  std::vector<Answer> answers;  ///< most probable first
  std::string error;            ///< what was wrong; empty: nothing
};

/// A page of images and what a model says of them, written card by card. It appears whole, by
/// `commit`, or not at all.
class Gallery {
 public:
  /// `facts`: name and value pairs under the title. Throws IoError.
  Gallery(const std::filesystem::path& path, std::string_view title,
          const std::vector<std::pair<std::string, std::string>>& facts);

  void add(const GalleryCard& card);
  void commit();

 private:
  AtomicFile file_;
};

}  // namespace vit::report
