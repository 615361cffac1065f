#include "say.h"

#include <stdio.h>

#include "words.h"

void say(void) {
    puts(WORD);
}
