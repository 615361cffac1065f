%% What this process of the operating system uses, as benches/runtime/beside/effort.rs reads it.

-module(effort).
-export([resident/0, used/0]).

%% Resident memory in bytes.
resident() ->
    [_, Pages | _] = words(read("/proc/self/statm")),
    binary_to_integer(Pages) * 4096.

%% Processor time in nanoseconds, and context switches, of all threads.
used() ->
    {ok, Threads} = file:list_dir("/proc/self/task"),
    lists:foldl(fun thread/2, {0, 0}, Threads).

thread(Thread, {Ns, Switches}) ->
    Folder = filename:join("/proc/self/task", Thread),
    [More | _] = words(read(filename:join(Folder, "schedstat"))),
    Status = read(filename:join(Folder, "status")),
    {match, Counts} = re:run(Status, "ctxt_switches:\\s+([0-9]+)", [
        global, {capture, all_but_first, binary}
    ]),
    Count = lists:sum([binary_to_integer(Count) || [Count] <- Counts]),
    {Ns + binary_to_integer(More), Switches + Count}.

read(Path) ->
    {ok, Text} = file:read_file(Path),
    Text.

words(Text) ->
    string:lexemes(Text, " \n").
