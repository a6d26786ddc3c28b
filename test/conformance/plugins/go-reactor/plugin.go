// The suite's contract (test/conformance/README.md) in Go, as a WASI reactor.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

const exchangeScan = 256 * 1024

// Go takes what is below for null pointers, and gives none of it out.
const firstAddress = 4096

var kept string

func main() {}

//go:wasmexport echo
func echo() int32 {
	output(input())
	return 0
}

func total() int {
	number, _ := strconv.Atoi(take(varGet(put([]byte("total")))))
	return number
}

//go:wasmexport count_vowels
func countVowels() int32 {
	vowels := take(configGet(put([]byte("vowels"))))
	if vowels == "" {
		vowels = "aeiouAEIOU"
	}
	count := 0
	for _, character := range string(input()) {
		if strings.ContainsRune(vowels, character) {
			count++
		}
	}
	varSet(put([]byte("total")), put([]byte(strconv.Itoa(total()+count))))
	return answerJSON(struct {
		Count  int    `json:"count"`
		Total  int    `json:"total"`
		Vowels string `json:"vowels"`
	}{count, total(), vowels})
}

//go:wasmexport reverse_json
func reverseJSON() int32 {
	var document struct {
		Text       string `json:"text"`
		Characters int    `json:"characters"`
	}
	if err := json.Unmarshal(input(), &document); err != nil {
		return failWith(err.Error())
	}
	characters := []rune(document.Text)
	slices.Reverse(characters)
	document.Text = string(characters)
	document.Characters = len(characters)
	return answerJSON(document)
}

func answerJSON(value any) int32 {
	text, err := json.Marshal(value)
	if err != nil {
		return failWith(err.Error())
	}
	output(text)
	return 0
}

func failWith(message string) int32 {
	errorSet(put([]byte(message)))
	return 1
}

//go:wasmexport fill
func fill() int32 {
	count, _ := strconv.Atoi(string(input()))
	letters := make([]byte, count)
	for at := range letters {
		letters[at] = byte('a' + at%26)
	}
	output(letters)
	return 0
}

//go:wasmexport fail
func fail() int32 {
	return failWith("no such customer: " + string(input()))
}

//go:wasmexport fail_with_code
func failWithCode() int32 {
	return 7
}

//go:wasmexport trap
func trap() int32 {
	panic("the plugin cannot go on with " + string(input()))
}

//go:wasmexport log_lines
func logLines() int32 {
	logTrace(put([]byte("a trace €")))
	logDebug(put([]byte("a detail")))
	logInfo(put([]byte("a remark")))
	logWarn(put([]byte("a warning")))
	logError(put([]byte("an error")))
	return 0
}

func keep(text string) {
	kept = text
	varSet(put([]byte("kept")), put([]byte(text)))
}

func tell(text string) int32 {
	variable := take(varGet(put([]byte("kept"))))
	secret := take(configGet(put([]byte("secret"))))
	output(fmt.Appendf(nil, "static=[%s] var=[%s] input=[%s] config=[%s]", kept, variable, text, secret))
	return 0
}

//go:wasmexport remember
func remember() int32 {
	text := string(input())
	logInfo(put([]byte(text)))
	tell(text)
	keep(text)
	return 0
}

//go:wasmexport remember_and_wait
func rememberAndWait() int32 {
	text := string(input())
	logInfo(put([]byte(text)))
	keep(text)
	time.Sleep(15 * time.Millisecond)
	return tell(string(input()))
}

// Sleeps as many milliseconds as the input says.
//
//go:wasmexport nap
func nap() int32 {
	milliseconds, _ := strconv.Atoi(string(input()))
	time.Sleep(time.Duration(milliseconds) * time.Millisecond)
	output([]byte("slept"))
	return 0
}

func descend(level uint32) uint32 {
	if level == 0xffffffff {
		return 0
	}
	return descend(level+1) + level
}

//go:wasmexport recurse
func recurse() int32 {
	keep(string(input()))
	return int32(descend(1))
}

var turns int

//go:wasmexport spin
func spin() int32 {
	keep(string(input()))
	for {
		turns++
	}
}

// Takes memory until there is none.
//
//go:wasmexport hoard
func hoard() int32 {
	var blocks [][]byte
	for {
		blocks = append(blocks, make([]byte, 1<<20))
	}
}

func isInverted(memory []byte, wanted []byte) bool {
	for at, value := range wanted {
		if memory[at] != ^value {
			return false
		}
	}
	return true
}

// memoryBytes is what the runtime has asked for; the memory reaches at least as far, from address 0.
func memoryBytes() uintptr {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return uintptr(stats.Sys)
}

// How often the input, each byte inverted, is found in this instance's memory and in the host's exchange memory.
//
//go:wasmexport scan
func scan() int32 {
	wanted := input()
	planted := take(configGet(put([]byte("planted"))))
	found := 0
	memory := unsafe.Slice((*byte)(unsafe.Pointer(uintptr(firstAddress))), memoryBytes()-firstAddress)
	for {
		next := bytes.IndexByte(memory, ^wanted[0])
		if next < 0 || len(memory)-next < len(wanted) {
			break
		}
		memory = memory[next:]
		if isInverted(memory, wanted) {
			found++
		}
		memory = memory[1:]
	}
	// A new block, so that what was there before would be inside the heap.
	allocBlock(exchangeScan)
	for at := uint64(0); at < exchangeScan; at++ {
		same := 0
		for same < len(wanted) && byte(loadU8(at+uint64(same))) == ^wanted[same] {
			same++
		}
		if same == len(wanted) {
			found++
		}
	}
	output([]byte(strconv.Itoa(found)))
	runtime.KeepAlive(planted)
	return 0
}

//go:wasmexport print
func print() int32 {
	fmt.Printf("hello %s\n", input())
	fmt.Fprintf(os.Stderr, "%d arguments, %d variables\n", len(os.Args), len(os.Environ()))
	fmt.Print("no line end")
	if _, err := os.ReadFile("/etc/passwd"); err == nil {
		output([]byte("files"))
	} else {
		output([]byte("no files"))
	}
	return 0
}

//go:wasmexport clock
func clock() int32 {
	first := time.Now()
	if time.Now().Before(first) || first.Unix() < 1577836800 {
		output([]byte("broken"))
	} else {
		output([]byte("forward"))
	}
	return 0
}

//go:wasmexport random
func random() int32 {
	drawn := make([]byte, 16)
	if _, err := rand.Read(drawn); err != nil {
		return failWith(err.Error())
	}
	output([]byte(hex.EncodeToString(drawn)))
	return 0
}

//go:wasmexport leave
func leave() int32 {
	text := string(input())
	fmt.Printf("leaving with %s\n", text)
	output([]byte("left"))
	code, _ := strconv.Atoi(text)
	os.Exit(code)
	return 0
}
