#include "penstock/control/notify.h"

#include "unit/catch.h"

using namespace penstock;

TEST_CASE("what the service manager hears begins with the state") {
  CHECK(ready_text(42, "Serving.") == "READY=1\nSTATUS=Serving.\nMAINPID=42\n");
  CHECK(reloading_text(1234567) == "RELOADING=1\nMONOTONIC_USEC=1234567\nSTATUS=Reading the configuration anew.\n");
  CHECK(stopping_text() == "STOPPING=1\nSTATUS=Stopping.\n");
}

TEST_CASE("what is no socket's name is told nothing") {
  CHECK_FALSE(notify("", "READY=1"));
  CHECK_FALSE(notify("@", "READY=1"));
  CHECK_FALSE(notify("vsock:2:1234", "READY=1"));
  CHECK_FALSE(notify("/nonexistent/notify", "READY=1"));
}
