// The one door to Catch2.
#pragma once

#include <catch2/catch.hpp>
