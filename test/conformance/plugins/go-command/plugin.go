// A WASI command: everything happens in main, which ends with proc_exit, as Go programs do.
package main

import (
	"bytes"
	"fmt"
	"os"
)

//go:wasmimport extism:host/env input_length
func inputLength() uint64

//go:wasmimport extism:host/env input_load_u8
func inputLoadU8(offset uint64) uint32

//go:wasmimport extism:host/env alloc
func allocBlock(bytes uint64) uint64

//go:wasmimport extism:host/env store_u8
func storeU8(address uint64, value uint32)

//go:wasmimport extism:host/env output_set
func outputSet(address uint64, bytes uint64)

func main() {
	input := make([]byte, inputLength())
	for at := range input {
		input[at] = byte(inputLoadU8(uint64(at)))
	}
	fmt.Printf("%d bytes\n", len(input))
	if len(input) == 0 {
		os.Exit(3)
	}
	output := bytes.ToUpper(input)
	handle := allocBlock(uint64(len(output)))
	for at, value := range output {
		storeU8(handle+uint64(at), uint32(value))
	}
	outputSet(handle, uint64(len(output)))
}
