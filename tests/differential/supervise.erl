#!/usr/bin/env escript
%% -*- erlang -*-
%%! -noshell
%% Plays the scripts that it reads from its standard input on supervisors of OTP, and prints what
%% happened in each. All scripts are played at the same time, each by a process of its own.
-mode(compile).
-behaviour(supervisor).
-export([init/1, start_child/2, run_child/3]).

%% What a script may take, and how long is waited for it to come to rest.
-define(SCRIPT_MS_MAX, 60000).
-define(TRIES_MAX, 20000).

main([]) ->
    %% The reports of supervisors and crashes are no part of what is compared.
    logger:set_primary_config(level, none),
    {ok, Text} = read(<<>>),
    Lines = [string:lexemes(L, " ") || L <- string:lexemes(binary_to_list(Text), "\n")],
    Runs = [{Name, spawn_monitor(fun() -> exit({played, play(Body)}) end)}
            || {Name, Body} <- scripts(Lines)],
    [show(Name, Run) || {Name, Run} <- Runs].

read(Text) ->
    case file:read(standard_io, 65536) of
        {ok, More} -> read(<<Text/binary, (list_to_binary(More))/binary>>);
        eof -> {ok, Text}
    end.

show(Name, {Pid, Monitor}) ->
    io:format("script ~s~n", [Name]),
    receive
        {'DOWN', Monitor, process, Pid, {played, Trace}} -> io:format("~s", [Trace]);
        {'DOWN', Monitor, process, Pid, Why} -> io:format("broken ~0p~n", [Why])
    after ?SCRIPT_MS_MAX ->
        Where = erlang:process_info(Pid, current_stacktrace),
        io:format("broken late ~0p~n", [Where])
    end,
    io:format("end~n").

scripts([]) -> [];
scripts([["script", Name] | Rest]) ->
    {Body, More} = lists:splitwith(fun([Word | _]) -> Word =/= "script" end, Rest),
    [{Name, Body} | scripts(More)].

%% What a script says.

%% Paths, and the supervisor at the top, whose path is empty.
parse(Body) ->
    [Top] = [#{path => "", strategy => list_to_atom(S), budget => N, auto => auto(Keys)}
             || ["sup", S, N | Keys] <- Body],
    Children = [spec(Line) || [Word | _] = Line <- Body,
                              lists:member(Word, ["child", "sub", "spare"])],
    {Top, Children, [Step || [">" | Step] <- Body]}.

spec(["sub", Path, Strategy, Budget | Keys]) ->
    (keys(Keys))#{path => Path, is => sub, strategy => list_to_atom(Strategy), budget => Budget,
                  auto => auto(Keys)};
spec([Is, Path | Keys]) ->
    (keys(Keys))#{path => Path, is => list_to_atom(Is)}.

auto(Keys) ->
    case {lists:member("any", Keys), lists:member("all", Keys)} of
        {true, _} -> any_significant;
        {_, true} -> all_significant;
        _ -> never
    end.

keys(Keys) ->
    lists:foldl(fun(Key, Known) ->
        case string:split(Key, "=") of
            [Name, Value] -> Known#{list_to_atom(Name) => Value};
            [Word] -> Known#{list_to_atom(Word) => true}
        end
    end, #{}, Keys).

%% Whether the N-th start is among those of "1,3" or "2..".
is_among(_, none) -> false;
is_among(N, Which) ->
    case string:split(Which, "..") of
        [From, ""] -> N >= list_to_integer(From);
        _ -> lists:member(N, [list_to_integer(One) || One <- string:lexemes(Which, ",")])
    end.

%% The supervisors and their children.

init({World, #{strategy := Strategy, budget := Budget, auto := Auto, path := Path}}) ->
    [Restarts, Ms] = [list_to_integer(N) || N <- string:lexemes(Budget, "/")],
    0 = Ms rem 1000,
    Flags = #{strategy => Strategy, intensity => Restarts, period => Ms div 1000,
              auto_shutdown => Auto},
    Below = [child_spec(World, Spec) || Spec = #{path := P, is := Is} <- maps:get(specs, World),
                                        Is =/= spare, parent(P) =:= Path],
    {ok, {Flags, Below}}.

parent(Path) ->
    case string:split(Path, ".", trailing) of
        [Parent, _] -> Parent;
        [_] -> ""
    end.

child_spec(World, #{path := Path, is := Is} = Spec) ->
    Restart = hd([R || R <- [transient, temporary, permanent], is_map_key(R, Spec)]
                 ++ [permanent]),
    Common = #{id => Path, restart => Restart, significant => is_map_key(significant, Spec)},
    case Is of
        sub -> Common#{start => {supervisor, start_link, [?MODULE, {World, Spec}]},
                       type => supervisor};
        _ -> Common#{start => {?MODULE, start_child, [World, Spec]}, shutdown => shutdown(Spec)}
    end.

shutdown(#{brutal := true}) -> brutal_kill;
shutdown(#{forever := true}) -> infinity;
shutdown(Spec) -> list_to_integer(maps:get(grace, Spec, "5000")).

%% Runs in the supervisor, which is held here if the script wants to catch it while it restarts.
start_child(#{starts := Starts, player := Player} = World, #{path := Path} = Spec) ->
    N = ets:update_counter(Starts, Path, 1, {Path, 0}),
    case is_among(N, maps:get(fails, Spec, none)) of
        true ->
            say(World, "fail", Path),
            [begin Player ! {held, self()}, receive go_on -> ok end end
             || _ <- ets:take(Starts, {hold, Path})],
            {error, failed};
        false ->
            proc_lib:start_link(?MODULE, run_child, [World, Spec, N])
    end.

run_child(World, #{path := Path} = Spec, N) ->
    process_flag(trap_exit, true),
    timer:sleep(list_to_integer(maps:get(start, Spec, "0"))),
    say(World, "start", Path),
    %% Before it is up, so that it is not taken for one at rest.
    [case maps:find(lasts, Spec) of
        {ok, Ms} -> erlang:send_after(list_to_integer(Ms), self(), crash);
        error -> self() ! crash
     end || is_among(N, maps:get(crashes, Spec, none))],
    proc_lib:init_ack({ok, self()}),
    serve(World, Spec).

serve(World, #{path := Path} = Spec) ->
    receive
        {'EXIT', _, _} -> stop(World, Spec);
        crash -> say(World, "crash", Path), exit(crash);
        panic -> say(World, "crash", Path), error(panic);
        finish -> say(World, "finish", Path), exit(normal);
        retire -> say(World, "finish", Path), exit(shutdown)
    end.

stop(World, #{path := Path} = Spec) ->
    say(World, "stop", Path),
    case maps:get(stop, Spec, "0") of
        "hang" -> receive never -> ok end;
        "crash" -> exit(crash);
        Ms -> timer:sleep(list_to_integer(Ms))
    end,
    say(World, "gone", Path),
    exit(shutdown).

%% The number is higher than that of whatever happened before.
say(#{log := Log}, What, Path) ->
    ets:insert(Log, {erlang:unique_integer([monotonic]), [What, " ", Path, "\n"]}).

%% The player of one script.

play(Body) ->
    process_flag(trap_exit, true),
    {Top, Specs, Steps} = parse(Body),
    Table = fun(Type) -> ets:new(table, [Type, public]) end,
    World = #{log => Table(ordered_set), starts => Table(set), player => self(), specs => Specs},
    Sup = case supervisor:start_link(?MODULE, {World, Top}) of
        {ok, Pid} -> Pid;
        {error, _} -> gone
    end,
    Began = after_step(World, Sup, ""),
    {_, Trace} = lists:foldl(fun(Step, {Hold, Trace}) ->
        {Next, More} = step(Hold, Step, World, Sup),
        {Next, [Trace, More]}
    end, {none, Began}, Steps),
    Trace.

%% Plays one step, and returns whether the supervisor is held after it.
step(none, ["hold", Path] = Step, #{starts := Starts}, _) ->
    ets:insert(Starts, {{hold, Path}}),
    {armed, header(Step)};
step(none, Step, World, Sup) ->
    Result = act(Step, World, Sup),
    {none, [header(Step), after_step(World, Sup, Result)]};
step(armed, Step, World, Sup) ->
    "" = act(Step, World, Sup),
    receive {held, Sup} -> ok end,
    {held, [header(Step), lines(World)]};
%% One that is held can list its children only when it goes on, and the step that is to meet it
%% while it restarts must be in its queue by then.
step(held, Step, World, Sup) ->
    List = async(fun() -> supervisor:which_children(Sup) end),
    queued(Sup, 1),
    Result = case Step of
        ["stop"] -> exit(Sup, shutdown), fun() -> "" end;
        _ -> async(fun() -> act(Step, World, Sup) end)
    end,
    queued(Sup, 2),
    Sup ! go_on,
    Before = list_line([entry(Child) || Child <- lists:reverse(List())]),
    Said = Result(),
    {none, [Before, header(Step), after_step(World, Sup, Said)]}.

%% Does something in another process, and returns how its result is waited for.
async(Do) ->
    Self = self(),
    Pid = spawn_link(fun() -> Self ! {self(), Do()} end),
    fun() -> receive {Pid, Result} -> Result end end.

header(Step) -> ["> ", lists:join(" ", Step), "\n"].

after_step(World, Sup, Result) ->
    List = settled(Sup),
    Said = [["-> ", Result, "\n"] || Result =/= ""],
    [lines(World), Said, List].

lines(#{log := Log}) ->
    Lines = [Line || {_, Line} <- ets:tab2list(Log)],
    ets:delete_all_objects(Log),
    Lines.

%% What a step does, and what it is answered.

act(["wait", Ms], _, _) -> timer:sleep(list_to_integer(Ms)), "";
act(["align"], _, _) -> align(), "";
act(["stop"], _, gone) -> "";
act(["stop"], _, Sup) ->
    exit(Sup, shutdown),
    until(fun() -> not is_process_alive(Sup) end),
    "";
act([Order, Path], World, Sup) when Order =:= "terminate"; Order =:= "restart";
                                    Order =:= "delete"; Order =:= "start" ->
    try order(Order, pid_of(parent(Path), Sup), Path, World) of
        Answer -> answer(Answer)
    catch
        exit:_ -> "gone"
    end;
act([How | Paths], _, Sup) -> strike(How, Paths, Sup).

%% To the beginning of a second of the clock that the window of a supervisor is counted with.
align() -> timer:sleep(1020 - erlang:monotonic_time(millisecond) rem 1000).

order("terminate", Sup, Path, _) -> supervisor:terminate_child(Sup, Path);
order("restart", Sup, Path, _) -> supervisor:restart_child(Sup, Path);
order("delete", Sup, Path, _) -> supervisor:delete_child(Sup, Path);
order("start", Sup, Path, #{specs := Specs} = World) ->
    [Spec] = [Spec || #{path := P} = Spec <- Specs, P =:= Path],
    supervisor:start_child(Sup, child_spec(World, Spec)).

answer(ok) -> "ok";
answer({ok, _}) -> "ok";
answer({error, already_present}) -> "present";
answer({error, {already_started, _}}) -> "running";
answer({error, {failed, _}}) -> "failed";
answer({error, {shutdown, {failed_to_start_child, _, _}}}) -> "failed";
answer({error, Why}) -> atom_to_list(Why).

%% All deaths are in the queues of the supervisors before one of them answers the first; the
%% upper ones answer first.
strike(How, Paths, Sup) ->
    Running = [Path || Path <- Paths, is_pid(pid_of(Path, Sup))],
    Parents = lists:usort([{length(parent(Path)), parent(Path)} || Path <- Running]),
    Owners = [pid_of(Parent, Sup) || {_, Parent} <- Parents],
    Targets = [{pid_of(parent(Path), Sup), pid_of(Path, Sup)} || Path <- Running],
    [sys:suspend(Owner, infinity) || Owner <- Owners],
    [strike(How, Target) || Target <- Targets],
    %% One that is stopped by the one above it, which went on before, is not there any more.
    [catch sys:resume(Owner, infinity) || Owner <- Owners],
    case Running of
        Paths -> "";
        _ -> "none"
    end.

strike(How, {Owner, Pid}) ->
    case How of
        "kill" -> exit(Pid, kill);
        _ -> Pid ! list_to_existing_atom(How)
    end,
    until(fun() ->
        {messages, Queue} = erlang:process_info(Owner, messages),
        lists:any(fun(M) -> is_tuple(M) andalso element(1, M) =:= 'EXIT'
                            andalso element(2, M) =:= Pid end, Queue)
    end).

%% The process of a path; the empty one is the supervisor at the top.
pid_of("", Sup) -> Sup;
pid_of(_, gone) -> gone;
pid_of(Path, Sup) ->
    try lists:keyfind(Path, 1, supervisor:which_children(pid_of(parent(Path), Sup))) of
        {_, Pid, _, _} -> Pid;
        false -> none
    catch
        exit:_ -> gone
    end.

%% Rest: nothing happens any more without the player.

queued(Pid, Count) ->
    until(fun() -> {message_queue_len, Count} =:= process_info(Pid, message_queue_len) end).

until(Reached) -> until(Reached, ?TRIES_MAX).

until(Reached, Tries) when Tries > 0 ->
    case Reached() of
        true -> ok;
        false -> timer:sleep(1), until(Reached, Tries - 1)
    end.

%% Two looks at a tree at rest are alike.
settled(Sup) -> settled(Sup, none, ?TRIES_MAX).

settled(Sup, Before, Tries) when Tries > 0 ->
    case look(Sup) of
        {rest, Before} -> Before;
        {rest, Now} -> settled(Sup, Now, Tries - 1);
        busy -> timer:sleep(1), settled(Sup, none, Tries - 1)
    end.

look(gone) -> {rest, "= gone\n"};
look(Sup) ->
    try walk(Sup) of
        Entries -> {rest, list_line(Entries)}
    catch
        throw:busy -> busy;
        exit:_ ->
            case is_process_alive(Sup) of
                true -> busy;
                false -> {rest, "= gone\n"}
            end
    end.

walk(Sup) ->
    Children = lists:reverse(supervisor:which_children(Sup)),
    [is_at_rest(Pid) orelse throw(busy) || Pid <- [Sup | pids(Children)]],
    lists:append([[entry(Child) | below(Child)] || Child <- Children]).

pids(Children) -> [Pid || {_, Pid, _, _} <- Children, Pid =/= undefined].

is_at_rest(restarting) -> false;
is_at_rest(Pid) ->
    process_info(Pid, [status, message_queue_len]) =:= [{status, waiting}, {message_queue_len, 0}].

below({_, Pid, supervisor, _}) when is_pid(Pid) -> walk(Pid);
below(_) -> [].

entry({Path, Pid, _, _}) when is_pid(Pid) -> [Path, " up"];
entry({Path, undefined, _, _}) -> [Path, " none"];
entry({Path, restarting, _, _}) -> [Path, " restarting"].

list_line(Entries) -> ["= ", lists:join(", ", Entries), "\n"].
