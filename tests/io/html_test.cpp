#include "vit/io/html.h"

#include <gtest/gtest.h>

#include "support/support.h"

namespace vit::io {
namespace {

TEST(Html, EscapesWhatHasAMeaning) {
  EXPECT_EQ(html_escape("<a href=\"x\">'&'</a>"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(html_escape("größe 大"), "größe 大");
}

TEST(Html, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(html_escape("a\xff"
                        "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(html_escape("a\xe5\xa4"), "a\xef\xbf\xbd\xef\xbf\xbd") << "cut short";
}

// RFC 4648, section 10.
TEST(Html, WritesBase64) {
  EXPECT_EQ(data_uri("a/b", ""), "data:a/b;base64,");
  EXPECT_EQ(data_uri("a/b", "f"), "data:a/b;base64,Zg==");
  EXPECT_EQ(data_uri("a/b", "fo"), "data:a/b;base64,Zm8=");
  EXPECT_EQ(data_uri("a/b", "foobar"), "data:a/b;base64,Zm9vYmFy");
}

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
}  // namespace vit::io
