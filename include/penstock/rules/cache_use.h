// What `cache-use` and `cache-store` want, of one transaction. It lies in the transaction's arena; null in a subject where
// no such rule has acted.
#pragma once

#include <span>
#include <string_view>

#include "penstock/http/caching.h"
#include "penstock/http/head.h"
#include "penstock/tables/cache.h"

namespace penstock::rules {

struct CacheUse {
  // Of the latest `cache-use`: who is asked, for what.
  Cache* asked = nullptr;
  std::string_view key;
  caching::Request request;
  caching::Asked by;
  const Cache* answers = nullptr;  // What the client gets was kept here.

  // Of `cache-store`: where the answer is to be kept, and its head as it was then. Null: nowhere.
  Cache* keeps = nullptr;
  std::span<const Field> fields;
  std::string_view reason;
  caching::Keeping keeping;
};

}  // namespace penstock::rules
