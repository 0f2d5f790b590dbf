// What the tests of rooms without LibTorch include and is slow to read, compiled once.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/precompiled.h"
