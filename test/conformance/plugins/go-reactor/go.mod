module patchbay/conformance/reactor

go 1.24
