/* compile - the subcommands about images: compile, info. argv[1] is the subcommand. */
#pragma once

int main_compile(int argc, char **argv);
int main_info(int argc, char **argv);
