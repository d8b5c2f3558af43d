#include "control/flags.h"

#include "core/tests/check.h"

namespace tandem::serving::control {
namespace {

const std::vector<std::string> kLeast = {"--control-fd=3", "--model", "search", "--listen=[::]:8500"};

Status Parse(std::vector<std::string> more, Flags* flags) {
  more.insert(more.begin(), kLeast.begin(), kLeast.end());
  return ParseFlags(more, flags);
}

TEST(FlagsAreReadInBothForms) {
  Flags flags;
  CHECK(Parse({"--listen", "unix:/tmp/a=b", "--batch-sizes=1,16,64", "--engine-threads", "2", "--control-fd", "4",
               "--bfloat16", "--background=normal", "--in-flight=7", "--graph=gpu"},
              &flags)
            .ok());
  CHECK((flags.control_fds == std::vector<int>{3, 4}) && flags.model == "search");
  CHECK((flags.listen == std::vector<std::string>{"[::]:8500", "unix:/tmp/a=b"}));
  CHECK((flags.batch_sizes == std::vector<size_t>{1, 16, 64}) && flags.engine_threads == 2 && flags.in_flight == 7);
  CHECK(flags.graph == GraphDevice::kGpu);
  CHECK(flags.bfloat16 && !flags.yields && flags.request_rows == 8192);
}

TEST(AWrongFlagIsNamedWithTheRemedy) {
  const struct {
    std::vector<std::string> arguments;
    std::string why;
  } table[] = {
      {{"--colour=red"}, "there is no flag --colour; --help lists those that there are"},
      {{"--in-flight"}, "--in-flight has no value; write --in-flight=VALUE"},
      {{"--in-flight=0"}, "--in-flight \"0\": give a number from 1 to 1048576"},
      {{"--in-flight=1x"}, "--in-flight \"1x\": give a number from 1 to 1048576"},
      {{"--in-flight=-1"}, "--in-flight \"-1\": give a number from 1 to 1048576"},
      {{"--in-flight=99999999999999999999"}, "--in-flight \"99999999999999999999\": give a number from 1 to 1048576"},
      {{"--control-fd=2"}, "--control-fd \"2\": give a number from 3 to 1048576"},
      {{"--model="}, "--model \"\": give it a value"},
      {{"--batch-sizes=8,1"},
       "--batch-sizes \"8,1\": give ascending numbers from 1 to 8192 with commas between, such as 1,8,32,128"},
      {{"--batch-sizes="},
       "--batch-sizes \"\": give ascending numbers from 1 to 8192 with commas between, such as 1,8,32,128"},
      {{"--batch-sizes=1,"},
       "--batch-sizes \"1,\": give ascending numbers from 1 to 8192 with commas between, such as 1,8,32,128"},
  };
  for (const auto& row : table) {
    Flags flags;
    CHECK(Parse(row.arguments, &flags).why() == row.why);
  }
  for (size_t left_out = 0; left_out < 3; ++left_out) {
    const char* names[] = {"--control-fd", "--model", "--listen"};
    std::vector<std::string> rest;
    if (left_out != 0) rest.push_back("--control-fd=3");
    if (left_out != 1) rest.push_back("--model=m");
    if (left_out != 2) rest.push_back("--listen=[::]:0");
    Flags flags;
    CHECK(ParseFlags(rest, &flags).why().find(std::string(names[left_out]) + " is missing") == 0);
  }
}

TEST(HelpNamesEveryFlag) {
  Flags flags;
  CHECK(ParseFlags({"--help", "--nonsense"}, &flags).ok() && flags.help);
  for (const char* name : {"--control-fd", "--model", "--listen", "--batch-sizes", "--engine-threads", "--door-threads",
                           "--request-rows", "--message-bytes", "--in-flight", "--waiting-bytes", "--door-bytes",
                           "--tensorflow", "--descriptors", "--background", "--graph", "--bfloat16"}) {
    CHECK(std::string(Usage()).find(name) != std::string::npos);
  }
}

}  // namespace
}  // namespace tandem::serving::control
