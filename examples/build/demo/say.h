#pragma once

void say(void);
