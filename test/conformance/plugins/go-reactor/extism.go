package main

import "encoding/binary"

// The Extism host ABI (extism/extism, runtime/src/pdk.rs) as this plugin uses it.

//go:wasmimport extism:host/env input_length
func inputLength() uint64

//go:wasmimport extism:host/env input_load_u8
func inputLoadU8(offset uint64) uint32

//go:wasmimport extism:host/env input_load_u64
func inputLoadU64(offset uint64) uint64

//go:wasmimport extism:host/env length
func blockLength(handle uint64) uint64

//go:wasmimport extism:host/env alloc
func allocBlock(bytes uint64) uint64

//go:wasmimport extism:host/env free
func freeBlock(handle uint64)

//go:wasmimport extism:host/env load_u8
func loadU8(address uint64) uint32

//go:wasmimport extism:host/env store_u8
func storeU8(address uint64, value uint32)

//go:wasmimport extism:host/env store_u64
func storeU64(address uint64, value uint64)

//go:wasmimport extism:host/env output_set
func outputSet(address uint64, bytes uint64)

//go:wasmimport extism:host/env error_set
func errorSet(handle uint64)

//go:wasmimport extism:host/env config_get
func configGet(key uint64) uint64

//go:wasmimport extism:host/env var_get
func varGet(key uint64) uint64

//go:wasmimport extism:host/env var_set
func varSet(key uint64, value uint64)

//go:wasmimport extism:host/env log_trace
func logTrace(text uint64)

//go:wasmimport extism:host/env log_debug
func logDebug(text uint64)

//go:wasmimport extism:host/env log_info
func logInfo(text uint64)

//go:wasmimport extism:host/env log_warn
func logWarn(text uint64)

//go:wasmimport extism:host/env log_error
func logError(text uint64)

// put copies bytes into a new block; 0 stands for no bytes.
func put(bytes []byte) uint64 {
	if len(bytes) == 0 {
		return 0
	}
	handle := allocBlock(uint64(len(bytes)))
	if handle == 0 {
		panic("the host has no memory left")
	}
	at := 0
	for ; at+8 <= len(bytes); at += 8 {
		storeU64(handle+uint64(at), binary.LittleEndian.Uint64(bytes[at:]))
	}
	for ; at < len(bytes); at++ {
		storeU8(handle+uint64(at), uint32(bytes[at]))
	}
	return handle
}

// take copies a block as text and frees it; no block is an empty text.
func take(handle uint64) string {
	if handle == 0 {
		return ""
	}
	bytes := make([]byte, blockLength(handle))
	for at := range bytes {
		bytes[at] = byte(loadU8(handle + uint64(at)))
	}
	freeBlock(handle)
	return string(bytes)
}

func input() []byte {
	bytes := make([]byte, inputLength())
	at := 0
	for ; at+8 <= len(bytes); at += 8 {
		binary.LittleEndian.PutUint64(bytes[at:], inputLoadU64(uint64(at)))
	}
	for ; at < len(bytes); at++ {
		bytes[at] = byte(inputLoadU8(uint64(at)))
	}
	return bytes
}

func output(bytes []byte) {
	outputSet(put(bytes), uint64(len(bytes)))
}
