package main

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/ratecards/strictyaml"
)

// Completion must answer while a finger is on the key, so it reads the names it needs and compiles nothing.

func completeDirectories(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completion is a function that completes the value of a flag.
type completion = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

func completeFlag(cmd *cobra.Command, flag string, names completion) {
	if err := cmd.RegisterFlagCompletionFunc(flag, names); err != nil {
		panic(err) // there is no such flag
	}
}

func completeDirectory(cmd *cobra.Command, flag string) {
	completeFlag(cmd, flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	})
}

// completeFrom completes with what a function finds in the network that the flag --network names.
func completeFrom(dir *string, names func(dir string) []string) completion {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		if *dir == "" {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names(*dir), cobra.ShellCompDirectiveNoFileComp
	}
}

// serviceNames returns the services that a network directory names, as far as it can be read.
func serviceNames(dir string) []string {
	raw, err := os.ReadFile(filepath.Join(dir, network.SettingsFile))
	if err != nil {
		return nil
	}
	var settings network.Settings
	var told faults.List // "allot network check" tells them
	strictyaml.Decode(network.SettingsFile, raw, &settings, &told)
	var names []string
	for _, s := range settings.Services {
		if s.ID == "" {
			continue
		}
		if s.Name != "" {
			s.ID += "\t" + s.Name
		}
		names = append(names, s.ID)
	}
	return names
}

// warehouseNames returns the warehouses that a network directory names, as far as it can be read.
func warehouseNames(dir string) []string {
	f, err := os.Open(filepath.Join(dir, network.WarehousesFile))
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // it is only read
	r := csv.NewReader(f)
	r.Comment = '#'
	r.FieldsPerRecord = -1
	rows, _ := r.ReadAll() // up to the first fault
	if len(rows) == 0 {
		return nil
	}
	id, name := slices.Index(rows[0], "id"), slices.Index(rows[0], "name")
	var names []string
	for _, row := range rows[1:] {
		if id < 0 || id >= len(row) || row[id] == "" {
			continue
		}
		if name >= 0 && name < len(row) && row[name] != "" {
			row[id] += "\t" + row[name]
		}
		names = append(names, row[id])
	}
	return names
}
