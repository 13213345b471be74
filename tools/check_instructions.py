"""No wide instruction outside the functions that were compiled for it, in any extension module.

    python tools/check_instructions.py [DIRECTORY]     by default the modules of the fastgeo that this Python imports

The modules must have their symbols. In functions for one instruction set (their names carry it: `tile_avx2_f32`) the
others' registers are looked for as well. Needs objdump. A finding is exit code 1.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

FUNCTION = re.compile(r"^[0-9a-f]+ <([^>]+)>:$")
INSTRUCTION = re.compile(r"^\s+[0-9a-f]+:\s+(\S+)(.*)$")
# Every AVX and later vector instruction begins with v; these few do not belong to them.
NOT_VECTOR = {"verr", "verw", "vmcall", "vmlaunch", "vmresume", "vmxoff"}
# Later than SSE2, not vector: bit manipulation and the like.
LATE_SCALAR = {
    "andn",
    "bextr",
    "blsi",
    "blsmsk",
    "blsr",
    "bzhi",
    "mulx",
    "pdep",
    "pext",
    "rorx",
    "sarx",
    "shlx",
    "shrx",
}
LATE_SCALAR |= {"lzcnt", "popcnt", "movbe", "crc32"}
WIDE_OF_AVX512 = re.compile(r"%zmm|%k[0-7]|%[xy]mm(1[6-9]|2\d|3[01])")


def finding(function, mnemonic, operands):
    """What is wrong with this instruction in this function, or None."""
    wide = (mnemonic.startswith("v") and mnemonic not in NOT_VECTOR) or mnemonic in LATE_SCALAR
    if "_avx512vnni_" in function:
        return None
    if "_avx512_" in function:
        return "VNNI" if mnemonic.startswith("vpdp") else None
    if "_avx2_" in function:
        return "AVX-512" if WIDE_OF_AVX512.search(operands) else None
    return "beyond the baseline" if wide else None


def check(module):
    """Print the findings in one module; return (functions, instructions, findings)."""
    listing = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", module], capture_output=True, text=True, check=True
    ).stdout
    function, functions, instructions, findings = "", set(), 0, {}
    for line in listing.splitlines():
        if match := FUNCTION.match(line):
            function = match[1]
            functions.add(function)
        elif match := INSTRUCTION.match(line):
            instructions += 1
            if kind := finding(function, match[1], match[2]):
                findings.setdefinding((function, kind), f"{match[1]}{match[2]}")
    for (where, kind), example in findings.items():
        print(f"{module.name}: {where}: {kind}: {example.strip()}")
    if not any("_scalar_" in name for name in functions) and any("_avx2_" in name for name in functions):
        findings["symbols"] = "some"
        print(f"{module}: symbols are missing")
    return functions, instructions, len(findings)


def main():
    if len(sys.argv) > 1:
        directory = Path(sys.argv[1])
    else:
        directory = Path(importlib.util.find_spec("fastgeo").submodule_search_locations[0])
    modules = sorted(directory.rglob("*.so"))
    functions, instructions, findings = set(), 0, 0
    for module in modules:
        names, count, found = check(module)
        functions |= names
        instructions += count
        findings += found
    wide = sum("_avx2_" in name or "_avx512" in name for name in functions)
    print(f"{len(modules)} modules, {instructions} instructions, {wide} wide functions, {findings} findings")
    if not modules or not wide:
        sys.exit(f"{directory}: no extension modules with symbols")
    sys.exit(findings > 0)


if __name__ == "__main__":
    main()
