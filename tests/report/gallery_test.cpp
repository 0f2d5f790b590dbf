#include "vit/report/gallery.h"

#include <gtest/gtest.h>

#include "support/support.h"

namespace vit::report {
namespace {

TEST(Gallery, AppearsWholeAtTheEnd) {
  const testing::TemporaryFolder folder;
  const auto path = folder / "page.html";
  {
    Gallery left(path, "left", {});
    left.add({});
  }
  EXPECT_FALSE(std::filesystem::exists(path)) << "left without commit";
  Gallery gallery(path, "a < b", {{"classes", "10"}});
  gallery.add({"x/<cat>.png", "data:p", "data:a", {{"cat & dog", 0.875}}, ""});
  gallery.add({"y.png", "", "", {}, "no image"});
  gallery.commit();
  const auto html = read_file(path);
  EXPECT_NE(html.find("<title>a &lt; b</title>"), std::string::npos);
  EXPECT_NE(html.find("<h2 title=\"x/&lt;cat&gt;.png\">&lt;cat&gt;.png</h2>"), std::string::npos);
  EXPECT_NE(html.find("cat &amp; dog"), std::string::npos);
  EXPECT_NE(html.find("87.5"), std::string::npos);
  EXPECT_NE(html.find("<p class=\"error\">no image</p>"), std::string::npos);
  EXPECT_EQ(html.find("http"), std::string::npos) << "nothing from elsewhere";
}

}  // namespace
}  // namespace vit::report
