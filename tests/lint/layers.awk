# awk -f tests/lint/layers.awk tests/lint/layers.txt FILES: each #include "..." must point at a folder
# that layers.txt allows, each guarded foreign header at one of its owners. Exit 1 if any does not.
function fail(msg) { print FILENAME ":" FNR ": " msg; rc = 1 }
function home(path) { while (sub(/\/[^\/]*$/, "", path)) if (path in known) return path; return "?" path }
FNR == NR && /^[a-z]/ {
    known[$1] = ok[$1, $1] = 1
    for (i = 3; i <= NF; i++) {
        if ($i !~ /^</ && !($i in known)) fail($i " is not listed above")
        ok[$1, $i] = guarded[$i] = 1
    }
}
FNR == NR { next }
FNR == 1 { me = home(FILENAME) }
# A .inc is generated into the folder's own build folder.
/^#include "/ && !/\.inc"/ { split($0, q, "\""); to = home(q[2]); if (!((me, to) in ok)) fail(me " -> " to) }
/^#include </ { split($2, q, /[\/.>]/); to = q[1] ">"; if (to in guarded && !((me, to) in ok)) fail(me " -> " to) }
END { exit rc }
