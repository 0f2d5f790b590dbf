#include "vit/core/paths.h"

#include <gtest/gtest.h>

namespace vit {
namespace {

TEST(Paths, MakesOnlyAsciiLettersOfAnExtensionSmall) {
  EXPECT_EQ(lower_extension("a.d/B.JPG"), ".jpg");
  EXPECT_EQ(lower_extension("clip.tar.MP4"), ".mp4");
  EXPECT_EQ(lower_extension("a.\xC3\x84"), ".\xC3\x84");
  EXPECT_EQ(lower_extension(".avi"), "");
  EXPECT_EQ(lower_extension("a.d/b"), "");
}

TEST(Paths, KnowsWhichLibraryAnAddressIsOf) {
  const auto library = library_of(reinterpret_cast<const void*>(&lower_extension));
  EXPECT_TRUE(library.is_absolute());
  EXPECT_TRUE(library.filename().string().starts_with("libvit.so")) << library;
  EXPECT_EQ(beside_library_of(reinterpret_cast<const void*>(&lower_extension), "x.so"),
            library.parent_path() / "x.so");
}

TEST(Paths, KnowsNoLibraryOfAnAddressOfNothing) {
  EXPECT_EQ(library_of(nullptr), "");
  EXPECT_EQ(beside_library_of(nullptr, "x.so"), "");
}

}  // namespace
}  // namespace vit
