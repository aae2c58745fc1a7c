/* A closure in C: `examples/c_guest.py` builds and runs it. */
#include "spm.h"

SPM_SIGNATURE({
    "name": "closest",
    "doc": "Find the word that takes the fewest changes to become another.\n\nWithout words that is a ValueError.",
    "parameters": [["word", "str"], ["words", "list[str]"]],
    "returns": "dict[str, str | int]",
    "source": "void spm_closure(spm_reader *arguments, spm_writer *result)"
});

/* Levenshtein's distance, by bytes: one row of the table at a time. */
static size_t distance(spm_text a, spm_text b, size_t *row) {
    for (size_t column = 0; column <= b.length; column++) row[column] = column;
    for (size_t line = 0; line < a.length; line++) {
        size_t diagonal = row[0]++;
        for (size_t column = 0; column < b.length; column++) {
            size_t changed = diagonal + (a.bytes[line] != b.bytes[column]);
            size_t shorter = row[column] + 1, longer = row[column + 1] + 1;
            diagonal = row[column + 1];
            size_t least = changed < shorter ? changed : shorter;
            row[column + 1] = least < longer ? least : longer;
        }
    }
    return row[b.length];
}

void spm_closure(spm_reader *arguments, spm_writer *result) {
    spm_text word = spm_take_text(spm_argument(arguments, "word"));
    size_t count = spm_take_list(spm_argument(arguments, "words"));
    if (count == 0) spm_raise(SPM_VALUE_ERROR, "no words to compare `%.*s` with", (int)word.length, word.bytes);
    size_t *row = malloc((word.length + 1) * sizeof *row);
    if (row == NULL) spm_raise(SPM_MEMORY_ERROR, "a word of %zu bytes", word.length);
    spm_text best = {"", 0};
    size_t fewest = SIZE_MAX;
    while (count-- > 0) {
        spm_text candidate = spm_take_text(arguments);
        size_t changes = distance(candidate, word, row);
        if (changes < fewest) fewest = changes, best = candidate;
    }
    spm_put_dict(result, 2);
    spm_put_str(result, "word");
    spm_put_text(result, best);
    spm_put_str(result, "changes");
    spm_put_int(result, (int64_t)fewest);
}
