package main

import (
	"errors"
	"strconv"

	"example.com/{{package}}/patchbay"
)

type person struct {
	Name string `json:"name"`
}

type greeting struct {
	Text string `json:"text"`
}

// greet makes {"text": "Hello, Ada!"} of {"name": "Ada"}, with the word that is configured.
//
//go:wasmexport greet
func greet() int32 {
	return patchbay.Run(func() (any, error) {
		var guest person
		if err := patchbay.InputJSON(&guest); err != nil {
			return nil, err
		}
		if guest.Name == "" {
			return nil, errors.New("name: expected text")
		}
		word, found := patchbay.Config("greeting")
		if !found {
			word = "Hello"
		}
		return greeting{word + ", " + guest.Name + "!"}, nil
	})
}

// visit counts how often it was called, kept in the install's storage.
//
//go:wasmexport visit
func visit() int32 {
	return patchbay.Run(func() (any, error) {
		visits := 0
		found, err := patchbay.Storage.Get("visits")
		if err != nil {
			return nil, err
		}
		if found != nil {
			if visits, err = strconv.Atoi(string(found.Value)); err != nil {
				return nil, err
			}
		}
		visits++
		_, err = patchbay.Storage.Set("visits", []byte(strconv.Itoa(visits)))
		return visits, err
	})
}

func main() {}
