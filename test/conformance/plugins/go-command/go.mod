module patchbay/conformance/command

go 1.24
