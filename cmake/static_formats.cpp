// What the image formats' archives find in libvit instead of elsewhere (Formats.cmake).
#include <tiffio.h>

#include <cstdio>

extern "C" {

/// Where they print what nobody asked them for.
std::FILE* formats_stderr = stderr;

// Compressions that libtiff has and Pillow has not: with these in their place, the archive's own
// and the libraries behind them are not linked. 0: a failure.
static int refuse(TIFF* tiff, int scheme) {
  TIFFErrorExtR(tiff, "TIFF", "compression %d is not supported", scheme);
  return 0;
}
int TIFFInitJBIG(TIFF* tiff, int scheme) { return refuse(tiff, scheme); }
int TIFFInitLERC(TIFF* tiff, int scheme) { return refuse(tiff, scheme); }
int TIFFInitWebP(TIFF* tiff, int scheme) { return refuse(tiff, scheme); }
}
