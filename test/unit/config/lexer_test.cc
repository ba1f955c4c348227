#include "../../../src/config/lexer.h"

#include "unit/catch.h"

using penstock::config::Environment;
using penstock::config::LexError;
using penstock::config::quoted;
using penstock::config::split_words;
using penstock::config::Word;

namespace {

// The words of one line, each followed by '|'; an error as "column: text".
std::string words_of(std::string_view text, const Environment& environment = {}) {
  std::vector<Word> words;
  const auto error = split_words(text, {environment, "file.cfg", 7, "part"}, {0, 7, 1}, words);
  if (error) return std::to_string(error->column) + ": " + error->text;
  std::string out;
  for (const Word& word : words) out += word.text + "|";
  return out;
}

}  // namespace

TEST_CASE("blanks part words, and a hash begins a comment even inside a word") {
  CHECK(words_of("") == "");
  CHECK(words_of(" \t\v\f\r ") == "");
  CHECK(words_of("  one\ttwo  three ") == "one|two|three|");
  CHECK(words_of("one#two three") == "one|");
  CHECK(words_of("# all of it") == "");
}

TEST_CASE("quotes keep blanks and hashes, and an empty pair is a word") {
  CHECK(words_of("'a b' \"c # d\"") == "a b|c # d|");
  CHECK(words_of("a'b c'd") == "ab cd|");
  CHECK(words_of("'' \"\"") == "||");
  CHECK(words_of("'\"' \"'\"") == "\"|'|");
}

TEST_CASE("every row of the manual's table of escapes gives its character") {
  CHECK(words_of("\\t \\\t \\x09 \"\t\" \"\\\t\" \"\\x09\" '\t'") == "\t|\t|\t|\t|\t|\t|\t|");
  CHECK(words_of("\\n \\x0a \"\\n\" \"\\x0A\"") == "\n|\n|\n|\n|");
  CHECK(words_of("\\r \"\\r\"") == "\r|\r|");
  CHECK(words_of("\\  \" \" \"\\ \" ' '") == " | | | |");
  CHECK(words_of("\\\" \"\\\"\" '\"'") == "\"|\"|\"|");
  CHECK(words_of("\\# \"#\" \"\\#\" '#'") == "#|#|#|#|");
  CHECK(words_of("$ \"\\$\" \"\\x24\" '$'") == "$|$|$|$|");
  CHECK(words_of("\\' \"'\" \"\\'\"") == "'|'|'|");
  CHECK(words_of("\\\\ \"\\\\\" '\\'") == "\\|\\|\\|");
}

TEST_CASE("a backslash before anything else stays, so that regular expressions need no doubling") {
  CHECK(words_of("^/a\\.b\\d+\\$") == "^/a\\.b\\d+\\$|");
  CHECK(words_of("\"\\.\" end\\") == "\\.|end\\|");
}

TEST_CASE("variables expand within double quotes only") {
  Environment environment;
  environment.set("A", "x y");
  environment.set("EMPTY", "");
  environment.unset("NONE");
  CHECK(words_of("\"$A\" \"${A}z\" \"-$A-\"", environment) == "x y|x yz|-x y-|");
  CHECK(words_of("$A '${A}'", environment) == "$A|${A}|");
  CHECK(words_of("\"${NONE-de fault}\" \"${NONE-}\" \"${NONE}\" \"$NONE\"", environment) == "de fault||||");
  CHECK(words_of("\"${EMPTY-default}\"", environment) == "|");
}

TEST_CASE("a variable with [*] becomes words of their own") {
  Environment environment;
  environment.set("L", " a  b c ");
  CHECK(words_of("\"${L[*]}\"", environment) == "a|b|c|");
  CHECK(words_of("x\"${L[*]}\"y", environment) == "x|a|b|c|y|");
}

TEST_CASE("pseudo-variables tell the file, the line and the section") {
  CHECK(words_of("\"${.FILE}:${.LINE} ${.SECTION}\"") == "file.cfg:7 part|");
}

TEST_CASE("an error tells its column") {
  CHECK(words_of("a 'b").starts_with("3: "));
  CHECK(words_of("a \"b").starts_with("3: "));
  CHECK(words_of("ab \\x4g").starts_with("4: "));
  CHECK(words_of("\\x4").starts_with("1: "));
  CHECK(words_of("a\\x00").starts_with("2: "));
  CHECK(words_of("\"${A\"").starts_with("2: "));
  CHECK(words_of("\"$9\"").starts_with("3: "));
  CHECK(words_of("\"${}\"").starts_with("4: "));
  CHECK(words_of(std::string_view("a\0b", 3)).starts_with("2: "));
}

TEST_CASE("a word knows the column it began at") {
  const Environment environment;
  std::vector<Word> words;
  REQUIRE(!split_words("  a \"b c\" d", {environment, "", 3, ""}, {2, 3, 1}, words));
  REQUIRE(words.size() == 3);
  CHECK(words[0].place.column == 3);
  CHECK(words[1].place.column == 5);
  CHECK(words[2].place.column == 11);
  CHECK(words[2].place.line == 3);
  CHECK(words[2].place.file == 2);
}

TEST_CASE("a quoted word is read back as it was") {
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  for (const std::string& word :
       {std::string("plain"), std::string(), std::string("a b"), std::string("it's"), std::string("\"$A\""),
        std::string("tab\there"), std::string("end\\"), std::string("\\x41"), std::string("'\n'"), all}) {
    CHECK(words_of(quoted(word)) == word + "|");
    CHECK(words_of("x " + quoted(word) + " y") == "x|" + word + "|y|");
  }
}

TEST_CASE("resetenv keeps the variables that are named") {
  Environment environment;
  environment.set("A", "1");
  environment.set("B", "2");
  environment.keep_only({"B", "C"});
  CHECK(environment.find("A") == nullptr);
  REQUIRE(environment.find("B") != nullptr);
  CHECK(environment.find("C") == nullptr);
}
