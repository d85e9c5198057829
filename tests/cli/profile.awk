# SPDX-License-Identifier: MIT
# Whether the profile of digits-bnn in a JSON file adds up; after tools/json.awk.
#   awk -f tools/json.awk -f tests/cli/profile.awk FILE OPTIONS
function check(holds, what) {
	if (!holds) {
		print "not so: " what
		bad = 1
	}
}

function sum(field,   i, s) {
	for (i = 0; i < p["commands#"]; i++)
		s += p["commands." i "." field]
	return s
}

BEGIN {
	check(json_read(ARGV[1], p), "it is JSON")
	check(p["same_as_cpu"] == "true" && p["config"] == "16x256" && p["jobs"] == 1, "one job, the CPU's result")
	check(p["macs"] == 125568 && sum("macs") == 125568, "products")
	check(p["cycles_of_commands"] == sum("cycles") && sum("cycles") > 0, "cycles of commands")
	use = p["utilisation"] - 125568 / (4096 * p["cycles"])
	check(use * use < 1e-12, "utilisation")
	check(p["commands#"] == 5, "five commands")
	for (i = 0; i < 5; i++)
		check(p["commands." i ".opcode"] == (i ? "CONV" : "ENC"), "opcode of command " i)
	log_rows = p["rows_from"] == "log"
	check(p["bytes.weights"] <= sum("bytes.weights"), "bytes of weights")
	if (log_rows) {
		n = split("weights act residual written", kinds, " ")
		for (i = 1; i <= n; i++)
			check(p["bytes." kinds[i]] == sum("bytes." kinds[i]), "bytes: " kinds[i])
		check(0.8 * p["cycles"] < sum("cycles") && sum("cycles") < p["cycles"], "cycles beside the commands")
	} else {
		check(p["bytes.act"] <= sum("bytes.act"), "bytes of activations")
		for (i = 0; i < 5; i++) {
			stalls = 0
			for (k = 0; k < p["commands." i ".stalls#"]; k++)
				stalls += p["commands." i ".stalls." p["commands." i ".stalls#" k]]
			check(p["commands." i ".stalls#"] > 0 && stalls < p["commands." i ".cycles"], "stalls of command " i)
		}
	}
	check((p["options"] ~ "pages=scattered") == (ARGV[2] ~ "--scatter"), "scattered pages")
	exit bad
}
