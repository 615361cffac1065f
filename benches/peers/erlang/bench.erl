%% The workloads on the supervisors of Erlang/OTP: STRATEGY WORKLOAD FLAVOUR SIZE, where the
%% strategy is that of flat trees: one_for_one, or simple_one_for_one, whose children are all alike
%% and started one by one. Prints the figure, or what cannot be done and why.

-module(bench).
-export([main/1]).

%% How often the small is done, so that it takes as long as the large, and after how many
%% nanoseconds it is not repeated any more.
-define(WORK, 100000).
-define(RESTARTS, 2000).
-define(ENOUGH, 2000000000).
-define(IDLE, 10000).

main([Strategy, Workload, _Flavour, Size]) ->
    process_flag(trap_exit, true),
    %% Else each failure is printed.
    logger:set_primary_config(level, none),
    Flat = list_to_atom(Strategy),
    try measure(list_to_atom(Workload), Flat, list_to_integer(Size)) of
        {Ns, Bytes, CpuMs, Switches} ->
            io:format("~.1f ~.1f ~.3f ~b~n", [float(Ns), float(Bytes), float(CpuMs), Switches])
    catch
        throw:Why -> io:format("cannot: ~s~n", [Why])
    end,
    halt().

measure(start, Flat, N) -> start(Flat, N, times(N), 0, 0);
measure(stop, Flat, N) -> stop(Flat, N, times(N), 0, 0);
measure(storm, Flat, N) -> fail(Flat, N, {N, N, N, N}, times(N));
measure(restart, Flat, N) -> fail(Flat, N, {N, 1, 1, 1}, ?RESTARTS);
measure(group, simple_one_for_one, _) -> throw("the strategy has no groups");
measure(group, _, N) -> fail(one_for_all, N, {N, 1, N, N}, times(N));
measure(chain, simple_one_for_one, _) -> throw("the children do not differ");
%% The supervisors run no code of ours: the deepest node starts, and the child that fails.
measure(chain, _, N) -> fail(chain, N, {2, 1, 2, N}, times(N));
measure(idle, Flat, N) -> idle(Flat, N).

times(N) -> max(1, ?WORK div N).

start(Flat, N, Left, Done, Sum) ->
    Before = effort:resident(),
    {Ns, {Top, Children}} = timed(fun() -> plant(Flat, N, N) end),
    Bytes = (effort:resident() - Before) / N,
    stop(Top, Children),
    case Left > 1 andalso Sum + Ns < ?ENOUGH of
        %% Of the last time would be what earlier ones freed.
        true -> setelement(2, start(Flat, N, Left - 1, Done + 1, Sum + Ns), Bytes);
        false -> {(Sum + Ns) / (N * (Done + 1)), Bytes, 0, 0}
    end.

stop(Flat, N, Left, Done, Sum) ->
    {Top, Children} = plant(Flat, N, N),
    {Ns, ok} = timed(fun() -> stop(Top, Children) end),
    case Left > 1 andalso Sum + Ns < ?ENOUGH of
        true -> stop(Flat, N, Left - 1, Done + 1, Sum + Ns);
        false -> {(Sum + Ns) / (N * (Done + 1)), 0, 0, 0}
    end.

%% At first so many start; then so many are told to fail, so many start again, and the time is
%% shared by so many.
fail(Shape, N, {First, Failing, Again, Among}, Times) ->
    {_Top, Children} = plant(Shape, N, First),
    Told = maps:with(lists:seq(0, Failing - 1), Children),
    {Ns, Done} = timed(fun() -> fall(Told, Again, Times, now_ns(), 0) end),
    none_started(),
    {Ns / (Among * Done), 0, 0, 0}.

fall(_Told, _Again, Times, _Began, Times) -> Times;
fall(Told, Again, Times, Began, Done) ->
    case now_ns() - Began < ?ENOUGH of
        true ->
            maps:foreach(fun(_, Pid) -> gen_server:cast(Pid, fail) end, Told),
            News = started(Again, #{}),
            fall(maps:intersect(Told, News), Again, Times, Began, Done + 1);
        false -> Done
    end.

idle(Flat, N) ->
    {_Top, _Children} = plant(Flat, N, N),
    timer:sleep(500),
    {Cpu, Switches} = effort:used(),
    timer:sleep(?IDLE),
    {CpuAfter, SwitchesAfter} = effort:used(),
    {0, 0, (CpuAfter - Cpu) / 1.0e6, SwitchesAfter - Switches}.

%% A tree of this shape, when so many of its children run.
plant(Shape, N, Entering) ->
    {ok, Top} = tree:start_link(Shape, N, self()),
    {Top, started(Entering, #{})}.

%% Waits until so many children have started: their processes by their number.
started(0, Pids) -> Pids;
started(Left, Pids) ->
    receive {started, Index, Pid} -> started(Left - 1, Pids#{Index => Pid}) end.

none_started() ->
    receive {started, _, _} -> throw("more started than failed") after 100 -> ok end.

%% Stops a tree, and sees that its children are gone.
stop(Top, Children) ->
    exit(Top, shutdown),
    receive {'EXIT', Top, shutdown} -> ok end,
    [] = [Pid || Pid <- maps:values(Children), is_process_alive(Pid)],
    ok.

timed(Fun) ->
    Began = now_ns(),
    Result = Fun(),
    {now_ns() - Began, Result}.

now_ns() -> erlang:monotonic_time(nanosecond).
