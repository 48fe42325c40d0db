# awk -f embed.awk FILE.sql ... > migrations.inc: the files as C strings, one entry each.
function name(path) { sub(/^.*\//, "", path); return path }
FNR == 1 { if (NR > 1) print "},"; printf "{\"%s\",\n", name(FILENAME) }
{ gsub(/\\/, "&&"); gsub(/"/, "\\\""); printf "\"%s\\n\"\n", $0 }
END { if (NR) print "}," }
